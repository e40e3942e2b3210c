#include "domain/team_schema.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "domain/formats.h"
#include "domain/quantity.h"
#include "domain/schedule.h"

// In the order of the CRD, leaves first. What the CRD shares by anchor is shared here by constant.
namespace tp::domain {
namespace {

using json::View;
using std::string_view;
using namespace std::chrono_literals;

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

bool has(View object, string_view name) { return member(object, name).exists(); }

// --- identity ---

constexpr Pattern kIdPattern{"^[A-Za-z0-9._-]+$", format::is_platform_id,
                             "must consist of letters, digits, '.', '_' and '-'"};

bool is_not_dots(View id) { return id.text() != "." && id.text() != ".."; }
constexpr std::array kOrgIdRules{Rule{R"(orgId must not be "." or "..")", is_not_dots}};
constexpr std::array kTeamNodeIdRules{Rule{R"(teamNodeId must not be "." or "..")", is_not_dots}};
constexpr Schema kOrgId{
    .type = SchemaType::String, .min_size = 1, .max_size = 64, .pattern = &kIdPattern, .rules = kOrgIdRules};
constexpr Schema kTeamNodeId{.type = SchemaType::String,
                             .min_size = 1,
                             .max_size = 128,
                             .pattern = &kIdPattern,
                             .rules = kTeamNodeIdRules};
constexpr std::array kParentNodeIdRules{Rule{R"(parentNodeId must not be "." or "..")", is_not_dots}};
constexpr Schema kParentNodeId{.type = SchemaType::String,
                               .min_size = 1,
                               .max_size = 128,
                               .pattern = &kIdPattern,
                               .rules = kParentNodeIdRules};

constexpr Pattern kLinePattern{R"(^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$)", format::is_line,
                               "must have no control characters, and no blanks around it"};
template <std::size_t max_size>
constexpr Schema kLine{
    .type = SchemaType::String, .min_size = 1, .max_size = max_size, .pattern = &kLinePattern};

// --- routing ---

// Quadratic in what max_size bounds.
bool is_distinct(View list) {
  bool distinct = true;
  list.each([&](View value) {
    for (View other = value.next(); other; other = other.next()) {
      distinct = distinct && other.text() != value.text();
    }
  });
  return distinct;
}
constexpr std::array kDistinctRules{Rule{"names a value twice", is_distinct}};
constexpr Schema kRoutingIds{
    .type = SchemaType::Array, .max_size = 200, .items = &kLine<200>, .rules = kDistinctRules};
constexpr Pattern kRepositoryPattern{"^[A-Za-z0-9_-]+/[A-Za-z0-9._-]+$", format::is_repository,
                                     "must be a repository as owner/name"};
constexpr Schema kRepository{
    .type = SchemaType::String, .min_size = 1, .max_size = 200, .pattern = &kRepositoryPattern};
constexpr Schema kRepositories{
    .type = SchemaType::Array, .max_size = 200, .items = &kRepository, .rules = kDistinctRules};
constexpr std::array kRoutingProperties{Property{"slackChannelIds", &kRoutingIds},
                                        Property{"githubRepositories", &kRepositories},
                                        Property{"pagerdutyServiceIds", &kRoutingIds},
                                        Property{"incidentioTeamIds", &kRoutingIds},
                                        Property{"incidentioAlertSourceIds", &kRoutingIds},
                                        Property{"coralogixTeamNames", &kRoutingIds},
                                        Property{"services", &kRoutingIds}};
constexpr Schema kRouting{.type = SchemaType::Object, .properties = kRoutingProperties};

// --- config ---

constexpr string_view kOperatorsOwn =
    "routing, governance, agent.dedicated_service_url and ai_pipeline.team_id are the operator's; it writes "
    "them "
    "from spec.routing, spec.governance, spec.runtime and spec.teamNodeId";
constexpr std::array kConfigRules{
    Rule{kOperatorsOwn, [](View config) { return !has(config, "routing"); }, "routing"},
    Rule{kOperatorsOwn, [](View config) { return !has(config, "governance"); }, "governance"},
    Rule{kOperatorsOwn, [](View config) { return !has(member(config, "agent"), "dedicated_service_url"); },
         "agent.dedicated_service_url"},
    Rule{kOperatorsOwn, [](View config) { return !has(member(config, "ai_pipeline"), "team_id"); },
         "ai_pipeline.team_id"},
};
constexpr Schema kOperatorsText{.type = SchemaType::String};
constexpr Schema kOperatorsPart{.type = SchemaType::Object, .open = true};
constexpr std::array kConfigAgentProperties{Property{"dedicated_service_url", &kOperatorsText}};
constexpr Schema kConfigAgent{.type = SchemaType::Object, .properties = kConfigAgentProperties, .open = true};
constexpr std::array kConfigPipelineProperties{Property{"team_id", &kOperatorsText}};
constexpr Schema kConfigPipeline{
    .type = SchemaType::Object, .properties = kConfigPipelineProperties, .open = true};
constexpr std::array kConfigProperties{
    Property{"routing", &kOperatorsPart}, Property{"governance", &kOperatorsPart},
    Property{"agent", &kConfigAgent}, Property{"ai_pipeline", &kConfigPipeline}};
constexpr Schema kConfig{
    .type = SchemaType::Object, .properties = kConfigProperties, .open = true, .rules = kConfigRules};

// --- auth, token ---

constexpr std::array<string_view, 2> kAuthModes{"Token", "OIDC"};
constexpr Schema kAuthMode{.type = SchemaType::String, .choices = kAuthModes};
constexpr std::array kAuthProperties{Property{"mode", &kAuthMode}};
constexpr Schema kAuth{.type = SchemaType::Object, .properties = kAuthProperties};

constexpr Pattern kSubdomainPattern{
    R"(^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$)", format::is_dns_subdomain,
    "must consist of small letters, digits, '-' and '.', and begin and end each part with a letter or digit"};
constexpr Schema kSubdomain{
    .type = SchemaType::String, .min_size = 1, .max_size = 253, .pattern = &kSubdomainPattern};

constexpr Pattern kDurationPattern{"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$", format::is_duration,
                                   "must be a duration, such as 720h, 1h30m or 90s"};
std::chrono::seconds duration(View value) {
  return format::parse_duration(value.text()).value_or(std::chrono::seconds{0});
}
constexpr Schema duration_of(std::span<const Rule> rules) {
  return {.type = SchemaType::String,
          .min_size = 2,
          .max_size = 20,
          .pattern = &kDurationPattern,
          .rules = rules};
}
constexpr std::array kRotationRules{
    Rule{"must be at least 1h", [](View value) { return duration(value) >= 1h; }}};
constexpr Schema kRotation = duration_of(kRotationRules);
constexpr std::array kGraceRules{
    Rule{"must be at most 720h", [](View value) { return duration(value) <= 720h; }}};
constexpr Schema kGrace = duration_of(kGraceRules);
constexpr std::array kTokenRules{Rule{"must be shorter than rotationInterval (it is 24h when absent)",
                                      [](View token) {
                                        const View grace = member(token, "gracePeriod");
                                        return !has(token, "rotationInterval") ||
                                               (grace ? duration(grace) : 24h) <
                                                   duration(token["rotationInterval"]);
                                      },
                                      "gracePeriod"}};
constexpr std::array kTokenProperties{Property{"secretName", &kSubdomain},
                                      Property{"rotationInterval", &kRotation},
                                      Property{"gracePeriod", &kGrace}};
constexpr Schema kToken{.type = SchemaType::Object, .properties = kTokenProperties, .rules = kTokenRules};

// --- what pipeline, discovery and runtime share ---

constexpr Schema kBoolean{.type = SchemaType::Boolean};

template <schedule::Field field>
bool is_right(View value) {
  return schedule::is_right(value.text(), field);
}
constexpr std::array kScheduleRules{
    Rule{"a time zone does not belong in a schedule; set pipeline.timeZone (dependency discovery always runs "
         "in UTC)",
         [](View value) { return schedule::names_no_time_zone(value.text()); }},
    Rule{
        R"(must have five fields (minute, hour, day of month, month, day of week), as in "0 2 * * *", or be one of )"
        "@hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually",
        [](View value) { return schedule::has_right_shape(value.text()); }},
    Rule{"the minute (first field) takes 0 to 59, as in 5 or 0,30 or 10-20 or */15",
         is_right<schedule::Field::Minute>},
    Rule{"the hour (second field) takes 0 to 23, as in 2 or 8,20 or 9-17 or */6",
         is_right<schedule::Field::Hour>},
    Rule{"the day of month (third field) takes 1 to 31, as in 1 or 1,15 or 1-7 or */2",
         is_right<schedule::Field::DayOfMonth>},
    Rule{"the month (fourth field) takes 1 to 12 or JAN to DEC, as in 1 or MAR,SEP or 4-6 or */3",
         is_right<schedule::Field::Month>},
    Rule{"the day of week (fifth field) takes 0 (Sunday) to 6 or SUN to SAT, as in 1-5 or MON,THU",
         is_right<schedule::Field::DayOfWeek>},
    Rule{"a range must not run backwards; write FRI,SAT,SUN for FRI-SUN (the week begins on Sunday) and "
         "22,23,0,1 for 22-1",
         [](View value) { return schedule::ranges_run_forwards(value.text()); }},
};
constexpr Schema kSchedule{.type = SchemaType::String, .max_size = 128, .rules = kScheduleRules};

constexpr std::array kImageRules{
    Rule{"must be an image reference, such as registry.example.com/team/agent:1.4.2 or name@sha256:DIGEST",
         [](View value) { return format::is_image_reference(value.text()); }}};
constexpr Schema kImage{.type = SchemaType::String, .max_size = 512, .rules = kImageRules};

std::optional<Quantity> read_quantity(View value) {
  if (const auto number = whole_number(value)) return Quantity::parse(std::to_string(*number));
  return Quantity::parse(value.text());
}

constexpr Pattern kQuantityPattern{
    R"(^([0-9]+(\.[0-9]+)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$)",
    [](string_view text) { return Quantity::parse(text).has_value(); },
    "must be an amount, such as 2, 500m or 1Gi"};
constexpr Schema kQuantity{
    .type = SchemaType::IntOrString, .max_size = 32, .minimum = 0, .pattern = &kQuantityPattern};

bool names_resources(View map) {
  bool right = true;
  each_member(map, [&](View value) {
    right = right && value.key().size() <= 253 && format::is_resource_name(value.key());
  });
  return right;
}
constexpr std::array kQuantitiesRules{
    Rule{"resource names are cpu, memory, ephemeral-storage, hugepages-SIZE, or carry a domain, as in "
         "nvidia.com/gpu",
         names_resources}};
constexpr Schema kQuantities{
    .type = SchemaType::Map, .max_size = 16, .items = &kQuantity, .rules = kQuantitiesRules};

bool requests_fit_limits(View resources) {
  const View limits = member(resources, "limits");
  bool fit = true;
  each_member(member(resources, "requests"), [&](View request) {
    const View limit = member(limits, request.key());
    if (!limit) return;
    const std::optional<Quantity> asked = read_quantity(request);
    const std::optional<Quantity> most = read_quantity(limit);
    if (asked && most && *asked > *most) fit = false;
  });
  return fit;
}
constexpr std::array kResourcesRules{
    Rule{"a request must not be above the limit of the same resource", requests_fit_limits, "requests"}};
constexpr std::array kResourcesProperties{Property{"requests", &kQuantities},
                                          Property{"limits", &kQuantities}};
constexpr Schema kResources{
    .type = SchemaType::Object, .properties = kResourcesProperties, .rules = kResourcesRules};

// --- pipeline ---

constexpr std::array<string_view, 2> kSources{"Spec", "ConfigService"};
constexpr Schema kSource{.type = SchemaType::String, .choices = kSources};

bool is_not_local(View value) {
  const string_view text = value.text();
  constexpr string_view kLocal = "local";
  return !std::equal(text.begin(), text.end(), kLocal.begin(), kLocal.end(),
                     [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
}
constexpr std::array kTimeZoneRules{
    Rule{"must be the name of an IANA time zone, such as Europe/Amsterdam or Etc/UTC",
         [](View value) { return format::is_time_zone_name(value.text()); }},
    Rule{
        R"("Local" would be the zone of whichever machine runs the control plane; name the zone, such as Europe/Amsterdam)",
        is_not_local},
};
constexpr Schema kTimeZone{.type = SchemaType::String, .max_size = 44, .rules = kTimeZoneRules};

constexpr std::array<string_view, 2> kBootstraps{"Once", "Never"};
constexpr Schema kBootstrapPolicy{.type = SchemaType::String, .choices = kBootstraps};

bool is_elsewhere(View pipeline) { return member(pipeline, "source").text() == "ConfigService"; }
constexpr std::array kPipelineRules{
    Rule{"with source ConfigService the schedule comes from the team's configuration; leave it out",
         [](View pipeline) { return !is_elsewhere(pipeline) || !has(pipeline, "schedule"); }, "schedule"}};
constexpr std::array kPipelineProperties{
    Property{"source", &kSource},      Property{"schedule", &kSchedule},
    Property{"timeZone", &kTimeZone},  Property{"suspend", &kBoolean},
    Property{"image", &kImage},        Property{"bootstrap", &kBootstrapPolicy},
    Property{"resources", &kResources}};
constexpr Schema kPipeline{
    .type = SchemaType::Object, .properties = kPipelineProperties, .rules = kPipelineRules};

// --- dependencyDiscovery ---

constexpr std::array kDiscoveryProperties{Property{"enabled", &kBoolean}, Property{"schedule", &kSchedule},
                                          Property{"image", &kImage}, Property{"resources", &kResources}};
constexpr Schema kDiscovery{.type = SchemaType::Object, .properties = kDiscoveryProperties};

// --- runtime.dedicated: env ---

constexpr Schema kReplicas{.type = SchemaType::Integer, .minimum = 1, .maximum = 50};

constexpr std::array kContainerPortRules{
    Rule{"8081 is the port of the agent's health endpoint; choose another",
         [](View port) { return port.number() != 8081; }}};
constexpr Schema kContainerPort{
    .type = SchemaType::Integer, .minimum = 1024, .maximum = 65535, .rules = kContainerPortRules};

constexpr Pattern kEnvNamePattern{"^[A-Za-z_][A-Za-z0-9_]*$", format::is_env_name,
                                  "must consist of letters, digits and '_', and not begin with a digit"};
constexpr Pattern kSecretKeyPattern{"^[-._A-Za-z0-9]+$", format::is_secret_key,
                                    "must consist of letters, digits, '-', '_' and '.'"};
constexpr Schema kSecretKey{
    .type = SchemaType::String, .min_size = 1, .max_size = 253, .pattern = &kSecretKeyPattern};

constexpr std::array<string_view, 6> kOwnVariables{
    "ORG_ID",          "TEAM_NODE_ID",       "CONFIG_SERVICE_URL",
    "CONFIG_BASE_URL", "USE_CONFIG_SERVICE", "DEPLOYMENT_MODE"};
bool is_free_variable(View name) {
  constexpr string_view kOwnPrefix = "INCIDENTFOX_";
  return name.text().substr(0, kOwnPrefix.size()) != kOwnPrefix &&
         std::find(kOwnVariables.begin(), kOwnVariables.end(), name.text()) == kOwnVariables.end();
}
constexpr std::array kEnvNameRules{
    Rule{"ORG_ID, TEAM_NODE_ID, CONFIG_SERVICE_URL, CONFIG_BASE_URL, USE_CONFIG_SERVICE, DEPLOYMENT_MODE and "
         "names that "
         "begin with INCIDENTFOX_ are set by the operator",
         is_free_variable}};
constexpr Schema kEnvName{.type = SchemaType::String,
                          .min_size = 1,
                          .max_size = 128,
                          .pattern = &kEnvNamePattern,
                          .rules = kEnvNameRules};
constexpr Schema kEnvValue{.type = SchemaType::String, .max_size = 8192};
constexpr std::array kSecretKeyRefProperties{
    Property{"name", &kSubdomain, true}, Property{"key", &kSecretKey, true}, Property{"optional", &kBoolean}};
constexpr Schema kSecretKeyRef{.type = SchemaType::Object, .properties = kSecretKeyRefProperties};
constexpr std::array kValueFromProperties{Property{"secretKeyRef", &kSecretKeyRef, true}};
constexpr Schema kValueFrom{.type = SchemaType::Object, .properties = kValueFromProperties};
constexpr std::array kEnvVarRules{Rule{"give exactly one of value and valueFrom", [](View variable) {
                                         return has(variable, "value") != has(variable, "valueFrom");
                                       }}};
constexpr std::array kEnvVarProperties{Property{"name", &kEnvName, true}, Property{"value", &kEnvValue},
                                       Property{"valueFrom", &kValueFrom}};
constexpr Schema kEnvVar{.type = SchemaType::Object, .properties = kEnvVarProperties, .rules = kEnvVarRules};
constexpr std::array<string_view, 1> kEnvKeys{"name"};
constexpr Schema kEnv{.type = SchemaType::Array, .max_size = 64, .items = &kEnvVar, .list_keys = kEnvKeys};

// --- runtime.dedicated: nodeSelector, tolerations ---

constexpr Pattern kLabelValuePattern{
    "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", format::is_label_value,
    "must consist of letters, digits, '-', '_' and '.', and begin and end with a letter "
    "or digit"};
constexpr Pattern kLabelKeyPattern{
    "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", format::is_label_key,
    "must be the name of a label, such as disktype or topology.kubernetes.io/zone"};
constexpr Schema kLabelValue{.type = SchemaType::String, .max_size = 63, .pattern = &kLabelValuePattern};
constexpr Schema kLabelKey{
    .type = SchemaType::String, .min_size = 1, .max_size = 317, .pattern = &kLabelKeyPattern};

bool has_label_keys(View map) {
  bool right = true;
  each_member(map, [&](View value) {
    right = right && value.key().size() <= 317 && format::is_label_key(value.key());
  });
  return right;
}
constexpr std::array kLabelsRules{
    Rule{"keys must be label names, such as disktype or topology.kubernetes.io/zone", has_label_keys}};
constexpr Schema kLabels{
    .type = SchemaType::Map, .max_size = 32, .items = &kLabelValue, .rules = kLabelsRules};

constexpr Schema kTolerationKey{.type = SchemaType::String, .max_size = 317, .pattern = &kLabelKeyPattern};
constexpr std::array<string_view, 2> kTolerationOperators{"Equal", "Exists"};
constexpr Schema kTolerationOperator{.type = SchemaType::String, .choices = kTolerationOperators};
constexpr std::array<string_view, 3> kTaintEffects{"NoSchedule", "PreferNoSchedule", "NoExecute"};
constexpr Schema kTaintEffect{.type = SchemaType::String, .choices = kTaintEffects};
constexpr Schema kSeconds{.type = SchemaType::Integer};
constexpr std::array kTolerationRules{
    Rule{"a toleration without a key needs operator Exists",
         [](View toleration) { return has(toleration, "key") || toleration["operator"].text() == "Exists"; },
         "operator"},
    Rule{"operator Exists takes no value",
         [](View toleration) {
           return toleration["operator"].text() != "Exists" || toleration["value"].text().empty();
         },
         "value"},
    Rule{"tolerationSeconds needs effect NoExecute",
         [](View toleration) {
           return !has(toleration, "tolerationSeconds") || toleration["effect"].text() == "NoExecute";
         },
         "effect"},
};
constexpr std::array kTolerationProperties{Property{"key", &kTolerationKey},
                                           Property{"operator", &kTolerationOperator},
                                           Property{"value", &kLabelValue}, Property{"effect", &kTaintEffect},
                                           Property{"tolerationSeconds", &kSeconds}};
constexpr Schema kToleration{
    .type = SchemaType::Object, .properties = kTolerationProperties, .rules = kTolerationRules};
constexpr Schema kTolerations{.type = SchemaType::Array, .max_size = 32, .items = &kToleration};

// --- runtime.dedicated: affinity ---

bool has_values_as_needed(View requirement) {
  const string_view op = requirement["operator"].text();
  return (op == "Exists" || op == "DoesNotExist") == (requirement["values"].size() == 0);
}
bool compares_one_number(View requirement) {
  const string_view op = requirement["operator"].text();
  if (op != "Gt" && op != "Lt") return true;
  const View values = requirement["values"];
  return values.size() == 1 && format::is_whole_number(values.first().text());
}
constexpr Rule kValuesRule{"In and NotIn need values; Exists and DoesNotExist take none",
                           has_values_as_needed, "values"};
constexpr std::array kLabelRequirementRules{kValuesRule};
constexpr std::array kNodeRequirementRules{
    kValuesRule, Rule{"Gt and Lt need one value, a whole number", compares_one_number, "values"}};

constexpr Schema kLabelValues{.type = SchemaType::Array, .max_size = 32, .items = &kLabelValue};
constexpr std::array<string_view, 6> kNodeOperators{"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"};
constexpr Schema kNodeOperator{.type = SchemaType::String, .choices = kNodeOperators};
constexpr std::array kNodeRequirementProperties{Property{"key", &kLabelKey, true},
                                                Property{"operator", &kNodeOperator, true},
                                                Property{"values", &kLabelValues}};
constexpr Schema kNodeRequirement{
    .type = SchemaType::Object, .properties = kNodeRequirementProperties, .rules = kNodeRequirementRules};
constexpr Schema kNodeRequirements{.type = SchemaType::Array, .max_size = 16, .items = &kNodeRequirement};

constexpr std::array<string_view, 1> kNodeFields{"metadata.name"};
constexpr Schema kNodeField{.type = SchemaType::String, .choices = kNodeFields};
constexpr std::array<string_view, 2> kFieldOperators{"In", "NotIn"};
constexpr Schema kFieldOperator{.type = SchemaType::String, .choices = kFieldOperators};
constexpr Schema kNodeName{.type = SchemaType::String, .max_size = 253, .pattern = &kSubdomainPattern};
constexpr Schema kNodeNames{.type = SchemaType::Array, .min_size = 1, .max_size = 1, .items = &kNodeName};
constexpr std::array kFieldRequirementProperties{Property{"key", &kNodeField, true},
                                                 Property{"operator", &kFieldOperator, true},
                                                 Property{"values", &kNodeNames, true}};
constexpr Schema kFieldRequirement{.type = SchemaType::Object, .properties = kFieldRequirementProperties};
constexpr Schema kFieldRequirements{.type = SchemaType::Array, .max_size = 16, .items = &kFieldRequirement};

constexpr std::array kNodeTermProperties{Property{"matchExpressions", &kNodeRequirements},
                                         Property{"matchFields", &kFieldRequirements}};
constexpr Schema kNodeTerm{.type = SchemaType::Object, .properties = kNodeTermProperties};
constexpr Schema kNodeTerms{.type = SchemaType::Array, .min_size = 1, .max_size = 16, .items = &kNodeTerm};
constexpr std::array kNodeSelectorProperties{Property{"nodeSelectorTerms", &kNodeTerms, true}};
constexpr Schema kNodeSelector{.type = SchemaType::Object, .properties = kNodeSelectorProperties};

constexpr Schema kWeight{.type = SchemaType::Integer, .minimum = 1, .maximum = 100};
constexpr std::array kPreferredNodeProperties{Property{"weight", &kWeight, true},
                                              Property{"preference", &kNodeTerm, true}};
constexpr Schema kPreferredNode{.type = SchemaType::Object, .properties = kPreferredNodeProperties};
constexpr Schema kPreferredNodes{.type = SchemaType::Array, .max_size = 16, .items = &kPreferredNode};

constexpr string_view kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr string_view kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";
constexpr std::array kNodeAffinityProperties{Property{kRequired, &kNodeSelector},
                                             Property{kPreferred, &kPreferredNodes}};
constexpr Schema kNodeAffinity{.type = SchemaType::Object, .properties = kNodeAffinityProperties};

constexpr std::array<string_view, 4> kLabelOperators{"In", "NotIn", "Exists", "DoesNotExist"};
constexpr Schema kLabelOperator{.type = SchemaType::String, .choices = kLabelOperators};
constexpr std::array kLabelRequirementProperties{Property{"key", &kLabelKey, true},
                                                 Property{"operator", &kLabelOperator, true},
                                                 Property{"values", &kLabelValues}};
constexpr Schema kLabelRequirement{
    .type = SchemaType::Object, .properties = kLabelRequirementProperties, .rules = kLabelRequirementRules};
constexpr Schema kLabelRequirements{.type = SchemaType::Array, .max_size = 16, .items = &kLabelRequirement};
constexpr std::array kLabelSelectorProperties{Property{"matchLabels", &kLabels},
                                              Property{"matchExpressions", &kLabelRequirements}};
constexpr Schema kLabelSelector{.type = SchemaType::Object, .properties = kLabelSelectorProperties};

constexpr Pattern kNamespacePattern{
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", format::is_dns_label,
    "must consist of small letters, digits and '-', and begin and end with a letter or digit"};
constexpr Schema kNamespace{.type = SchemaType::String, .max_size = 63, .pattern = &kNamespacePattern};
constexpr Schema kNamespaces{.type = SchemaType::Array, .max_size = 16, .items = &kNamespace};
constexpr Schema kLabelKeys{.type = SchemaType::Array, .max_size = 8, .items = &kLabelKey};
constexpr std::array kPodTermProperties{
    Property{"topologyKey", &kLabelKey, true},      Property{"labelSelector", &kLabelSelector},
    Property{"namespaceSelector", &kLabelSelector}, Property{"namespaces", &kNamespaces},
    Property{"matchLabelKeys", &kLabelKeys},        Property{"mismatchLabelKeys", &kLabelKeys}};
constexpr Schema kPodTerm{.type = SchemaType::Object, .properties = kPodTermProperties};
constexpr Schema kPodTerms{.type = SchemaType::Array, .max_size = 16, .items = &kPodTerm};
constexpr std::array kPreferredPodsProperties{Property{"weight", &kWeight, true},
                                              Property{"podAffinityTerm", &kPodTerm, true}};
constexpr Schema kPreferredPods{.type = SchemaType::Object, .properties = kPreferredPodsProperties};
constexpr Schema kPreferredPodTerms{.type = SchemaType::Array, .max_size = 16, .items = &kPreferredPods};
constexpr std::array kPodAffinityProperties{Property{kRequired, &kPodTerms},
                                            Property{kPreferred, &kPreferredPodTerms}};
constexpr Schema kPodAffinity{.type = SchemaType::Object, .properties = kPodAffinityProperties};

constexpr std::array kAffinityProperties{Property{"nodeAffinity", &kNodeAffinity},
                                         Property{"podAffinity", &kPodAffinity},
                                         Property{"podAntiAffinity", &kPodAffinity}};
constexpr Schema kAffinity{.type = SchemaType::Object, .properties = kAffinityProperties};

// --- runtime.dedicated: topologySpread, disruptionBudget ---

constexpr Schema kPositive{.type = SchemaType::Integer, .minimum = 1, .maximum = kInt32Max};
constexpr std::array<string_view, 2> kUnsatisfiable{"DoNotSchedule", "ScheduleAnyway"};
constexpr Schema kWhenUnsatisfiable{.type = SchemaType::String, .choices = kUnsatisfiable};
constexpr std::array<string_view, 2> kNodePolicies{"Honor", "Ignore"};
constexpr Schema kNodePolicy{.type = SchemaType::String, .choices = kNodePolicies};
constexpr std::array kSpreadRules{Rule{"minDomains needs whenUnsatisfiable DoNotSchedule",
                                       [](View spread) {
                                         return !has(spread, "minDomains") ||
                                                spread["whenUnsatisfiable"].text() == "DoNotSchedule";
                                       },
                                       "minDomains"}};
constexpr std::array kSpreadProperties{Property{"maxSkew", &kPositive, true},
                                       Property{"topologyKey", &kLabelKey, true},
                                       Property{"whenUnsatisfiable", &kWhenUnsatisfiable, true},
                                       Property{"minDomains", &kPositive},
                                       Property{"nodeAffinityPolicy", &kNodePolicy},
                                       Property{"nodeTaintsPolicy", &kNodePolicy}};
constexpr Schema kSpread{.type = SchemaType::Object, .properties = kSpreadProperties, .rules = kSpreadRules};
constexpr std::array<string_view, 2> kSpreadKeys{"topologyKey", "whenUnsatisfiable"};
constexpr Schema kTopologySpread{
    .type = SchemaType::Array, .max_size = 8, .items = &kSpread, .list_keys = kSpreadKeys};

constexpr Pattern kPercentagePattern{"^(100|[1-9]?[0-9])%$", format::is_percentage,
                                     "must be a number of pods or a percentage, such as 1 or 25%"};
constexpr Schema kPodCount{.type = SchemaType::IntOrString,
                           .max_size = 4,
                           .minimum = 0,
                           .maximum = 50,
                           .pattern = &kPercentagePattern};
constexpr std::array kBudgetRules{
    Rule{"give exactly one of minAvailable and maxUnavailable",
         [](View budget) { return has(budget, "minAvailable") != has(budget, "maxUnavailable"); }}};
constexpr std::array kBudgetProperties{Property{"minAvailable", &kPodCount},
                                       Property{"maxUnavailable", &kPodCount}};
constexpr Schema kBudget{.type = SchemaType::Object, .properties = kBudgetProperties, .rules = kBudgetRules};

// --- runtime.dedicated: autoscaling ---

constexpr Schema kUtilization{.type = SchemaType::Integer, .minimum = 1, .maximum = 1000};
constexpr std::array kAutoscalingRules{
    Rule{"must not be above maxReplicas",
         [](View scaling) {
           return whole_number(member(scaling, "minReplicas")).value_or(1) <=
                  whole_number(member(scaling, "maxReplicas")).value_or(1);
         },
         "minReplicas"}};
constexpr std::array kAutoscalingProperties{Property{"minReplicas", &kReplicas},
                                            Property{"maxReplicas", &kReplicas, true},
                                            Property{"targetCPUUtilizationPercentage", &kUtilization},
                                            Property{"targetMemoryUtilizationPercentage", &kUtilization}};
constexpr Schema kAutoscaling{
    .type = SchemaType::Object, .properties = kAutoscalingProperties, .rules = kAutoscalingRules};

// A limit without a request stands for both. A team that says nothing of resources gets requests of ours.
bool requests(View dedicated, string_view resource) {
  const View resources = member(dedicated, "resources");
  return !resources || has(member(resources, "requests"), resource) ||
         has(member(resources, "limits"), resource);
}
constexpr std::array kDedicatedRules{
    Rule{"a target for the CPU, which is 80 when no target is given, is a share of the request; give "
         "resources.requests.cpu",
         [](View dedicated) {
           const View scaling = member(dedicated, "autoscaling");
           const bool by_cpu = scaling && (has(scaling, "targetCPUUtilizationPercentage") ||
                                           !has(scaling, "targetMemoryUtilizationPercentage"));
           return !by_cpu || requests(dedicated, "cpu");
         },
         "autoscaling.targetCPUUtilizationPercentage"},
    Rule{"a target for the memory is a share of the request; give resources.requests.memory",
         [](View dedicated) {
           return !has(member(dedicated, "autoscaling"), "targetMemoryUtilizationPercentage") ||
                  requests(dedicated, "memory");
         },
         "autoscaling.targetMemoryUtilizationPercentage"}};

// --- runtime, governance, knowledgeBase, deletionPolicy, spec ---

constexpr std::array<string_view, 2> kOnOff{"Enabled", "Disabled"};
constexpr Schema kSwitch{.type = SchemaType::String, .choices = kOnOff};

constexpr std::array kDedicatedProperties{
    Property{"replicas", &kReplicas},
    Property{"image", &kImage},
    Property{"resources", &kResources},
    Property{"containerPort", &kContainerPort},
    Property{"env", &kEnv},
    Property{"nodeSelector", &kLabels},
    Property{"tolerations", &kTolerations},
    Property{"affinity", &kAffinity},
    Property{"topologySpread", &kTopologySpread},
    Property{"priorityClassName", &kSubdomain},
    Property{"disruptionBudget", &kBudget},
    Property{"networkIsolation", &kSwitch},
    Property{"autoscaling", &kAutoscaling},
};
constexpr Schema kDedicated{
    .type = SchemaType::Object, .properties = kDedicatedProperties, .rules = kDedicatedRules};
constexpr std::array<string_view, 2> kModes{"Shared", "Dedicated"};
constexpr Schema kMode{.type = SchemaType::String, .choices = kModes};
constexpr std::array kRuntimeProperties{Property{"mode", &kMode}, Property{"dedicated", &kDedicated}};
constexpr Schema kRuntime{.type = SchemaType::Object, .properties = kRuntimeProperties};

constexpr std::array<string_view, 2> kWriteToolsChoices{"Disabled", "Approved"};
constexpr Schema kWriteTools{.type = SchemaType::String, .choices = kWriteToolsChoices};
constexpr Pattern kUrlPattern{R"(^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[!-~]*)?$)",
                              format::is_http_url,
                              "must be a URL without a user name, such as https://audit.example.com/events"};
constexpr Schema kUrl{.type = SchemaType::String, .max_size = 2048, .pattern = &kUrlPattern};
constexpr std::array kAuditSinkProperties{Property{"url", &kUrl, true}, Property{"secretName", &kSubdomain}};
constexpr Schema kAuditSink{.type = SchemaType::Object, .properties = kAuditSinkProperties};
constexpr Schema kRegion{
    .type = SchemaType::String, .min_size = 1, .max_size = 63, .pattern = &kLabelValuePattern};
constexpr Schema kRegions{.type = SchemaType::Array, .min_size = 1, .max_size = 16, .items = &kRegion};
constexpr std::array kCidrRules{Rule{
    "must be a range of addresses with no bits set after its prefix, such as 203.0.113.0/24 or 2001:db8::/32",
    [](View value) { return format::is_cidr(value.text()); }}};
constexpr Schema kCidr{.type = SchemaType::String, .max_size = 43, .rules = kCidrRules};
constexpr Schema kCidrs{.type = SchemaType::Array, .min_size = 1, .max_size = 32, .items = &kCidr};
constexpr std::array kDataLocalityProperties{Property{"regions", &kRegions},
                                             Property{"egressCIDRs", &kCidrs}};
constexpr Schema kDataLocality{.type = SchemaType::Object, .properties = kDataLocalityProperties};
bool is_approved(View governance) { return member(governance, "writeTools").text() == "Approved"; }
constexpr std::array kGovernanceRules{
    Rule{"writeTools Approved needs the name of who approved them",
         [](View governance) { return !is_approved(governance) || has(governance, "approvedBy"); },
         "approvedBy"},
    Rule{"a name goes with writeTools Approved only",
         [](View governance) { return is_approved(governance) || !has(governance, "approvedBy"); },
         "approvedBy"}};
constexpr std::array kGovernanceProperties{
    Property{"writeTools", &kWriteTools}, Property{"approvedBy", &kLine<253>},
    Property{"auditSink", &kAuditSink}, Property{"dataLocality", &kDataLocality}};
constexpr Schema kGovernance{
    .type = SchemaType::Object, .properties = kGovernanceProperties, .rules = kGovernanceRules};

constexpr std::array<string_view, 2> kSeeds{"Empty", "Sources"};
constexpr Schema kSeed{.type = SchemaType::String, .choices = kSeeds};
constexpr Schema kKnowledgeSources{.type = SchemaType::Array, .max_size = 64, .items = &kLine<2048>};
bool is_seeded(View knowledge) { return member(knowledge, "seed").text() == "Sources"; }
constexpr std::array kKnowledgeRules{
    Rule{"seed Sources needs at least one",
         [](View knowledge) { return !is_seeded(knowledge) || knowledge["sources"].size() > 0; }, "sources"},
    Rule{"sources go with seed Sources only",
         [](View knowledge) { return is_seeded(knowledge) || knowledge["sources"].size() == 0; }, "sources"}};
constexpr std::array kKnowledgeProperties{Property{"seed", &kSeed}, Property{"sources", &kKnowledgeSources}};
constexpr Schema kKnowledgeBase{
    .type = SchemaType::Object, .properties = kKnowledgeProperties, .rules = kKnowledgeRules};

constexpr std::array<string_view, 2> kChildrenPolicies{"Delete", "Orphan"};
constexpr Schema kChildren{.type = SchemaType::String, .choices = kChildrenPolicies};
constexpr std::array<string_view, 3> kConfigPolicies{"Withdraw", "Retain", "Clear"};
constexpr Schema kConfigPolicy{.type = SchemaType::String, .choices = kConfigPolicies};
constexpr std::array kDeletionPolicyProperties{Property{"children", &kChildren},
                                               Property{"config", &kConfigPolicy}};
constexpr Schema kDeletionPolicy{.type = SchemaType::Object, .properties = kDeletionPolicyProperties};

constexpr std::array kDriftRules{Rule{"must be at least 30s and at most 24h", [](View value) {
                                        return duration(value) >= 30s && duration(value) <= 24h;
                                      }}};
constexpr Schema kDrift = duration_of(kDriftRules);

constexpr std::array kSpecRules{
    Rule{R"(discovery that is enabled needs a schedule, such as "0 3 * * *")",
         [](View spec) {
           const View discovery = member(spec, "dependencyDiscovery");
           return !discovery["enabled"].boolean().value_or(false) || has(discovery, "schedule") ||
                  is_elsewhere(member(spec, "pipeline"));
         },
         "dependencyDiscovery.schedule"},
    Rule{"with pipeline.source ConfigService the schedule comes from the team's configuration; leave it out",
         [](View spec) {
           return !is_elsewhere(member(spec, "pipeline")) ||
                  !has(member(spec, "dependencyDiscovery"), "schedule");
         },
         "dependencyDiscovery.schedule"},
    Rule{"with auth.mode OIDC there is no token; leave its settings out",
         [](View spec) {
           if (member(member(spec, "auth"), "mode").text() != "OIDC") return true;
           bool bare = true;
           each_member(member(spec, "token"), [&](View) { bare = false; });
           return bare;
         },
         "token"},
};
constexpr std::array kSpecProperties{
    Property{"orgId", &kOrgId, true},
    Property{"teamNodeId", &kTeamNodeId, true},
    Property{"displayName", &kLine<128>},
    Property{"parentNodeId", &kParentNodeId},
    Property{"routing", &kRouting},
    Property{"config", &kConfig},
    Property{"auth", &kAuth},
    Property{"token", &kToken},
    Property{"pipeline", &kPipeline},
    Property{"dependencyDiscovery", &kDiscovery},
    Property{"runtime", &kRuntime},
    Property{"release", &kSubdomain},
    Property{"governance", &kGovernance},
    Property{"knowledgeBase", &kKnowledgeBase},
    Property{"deletionPolicy", &kDeletionPolicy},
    Property{"suspend", &kBoolean},
    Property{"driftInterval", &kDrift},
};
constexpr Schema kSpec{.type = SchemaType::Object, .properties = kSpecProperties, .rules = kSpecRules};

constexpr Schema kText{.type = SchemaType::String};
constexpr Schema kAny{};
constexpr std::array kTeamProperties{Property{"apiVersion", &kText}, Property{"kind", &kText},
                                     Property{"metadata", &kAny}, Property{"spec", &kSpec, true},
                                     Property{"status", &kAny}};
constexpr Schema kTeam{.type = SchemaType::Object, .properties = kTeamProperties};

// --- AgentRelease ---

constexpr std::array kProgressRules{Rule{"must be at least 10s and at most 6h", [](View value) {
                                           return duration(value) >= 10s && duration(value) <= 6h;
                                         }}};
constexpr Schema kProgressDeadline = duration_of(kProgressRules);
constexpr std::array kReleaseSpecProperties{Property{"agentImage", &kImage, true},
                                            Property{"pipelineImage", &kImage},
                                            Property{"discoveryImage", &kImage},
                                            Property{"containerPort", &kContainerPort},
                                            Property{"env", &kEnv},
                                            Property{"progressDeadline", &kProgressDeadline},
                                            Property{"autoRollback", &kBoolean}};
constexpr Schema kReleaseSpec{.type = SchemaType::Object, .properties = kReleaseSpecProperties};
constexpr std::array kReleaseProperties{Property{"apiVersion", &kText}, Property{"kind", &kText},
                                        Property{"metadata", &kAny}, Property{"spec", &kReleaseSpec, true},
                                        Property{"status", &kAny}};
constexpr Schema kRelease{.type = SchemaType::Object, .properties = kReleaseProperties};

}  // namespace

const Schema& team_schema() noexcept { return kTeam; }

const Schema& release_schema() noexcept { return kRelease; }

}  // namespace tp::domain
