#include "provisioner/commands/import_team.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

#include "domain/naming.h"
#include "domain/parse_team.h"
#include "domain/schedule.h"
#include "json/document.h"
#include "json/parse.h"
#include "provisioner/commands/differences.h"
#include "provisioner/desired/desired_state.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/desired/policy.h"
#include "provisioner/platform/config_document.h"
#include "provisioner/reconcile/child.h"
#include "provisioner/reconcile/observed.h"

namespace tp::provisioner {
namespace {

using domain::kRoutingKinds;
using Json = nlohmann::json;
using Pointer = Json::json_pointer;
using Findings = std::vector<Finding>;

constexpr std::int64_t kFormerPort = 8000;  // of every agent and Service that the service before made

std::size_t index(Slot slot) { return static_cast<std::size_t>(slot); }

std::string in_quotes(std::string_view text) { return "\"" + std::string{text} + "\""; }

const Json& at(const Json& value, const Pointer& path) {
  static const Json kNothing;
  return value.contains(path) ? value.at(path) : kNothing;
}

std::string text_at(const Json& value, const char* path) {
  const Json& found = at(value, Pointer{path});
  return found.is_string() ? found.get<std::string>() : std::string{};
}

void add(Findings& findings, Severity severity, std::string message) {
  findings.push_back({severity, std::move(message)});
}

std::string name_of(const kube::ResourceType& type, const Json& object) {
  return std::string{type.kind} + " " + text_at(object, "/metadata/namespace") + "/" +
         text_at(object, "/metadata/name");
}

const Json& pod_spec_of(Slot slot, const Json& object) {
  static const Pointer kOfCronJob{"/spec/jobTemplate/spec/template/spec"};
  static const Pointer kOfDeployment{"/spec/template/spec"};
  return at(object, slot == Slot::AgentDeployment ? kOfDeployment : kOfCronJob);
}

const Json& container_of(Slot slot, const Json& object) {
  return at(pod_spec_of(slot, object), Pointer{"/containers/0"});
}

// The element of a list whose `name` it is; null when there is none.
const Json& named(const Json& list, const std::string& name) {
  static const Json kNothing;
  if (!list.is_array()) return kNothing;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const Json& element) { return text_at(element, "/name") == name; });
  return found == list.end() ? kNothing : *found;
}

// ---------------------------------------------------------------- whose objects they are

Result<Child> project(const LiveObject& live) {
  json::Document document;
  TP_TRY(document.parse(json::dump(live.object)));
  return project_child(live.type, document.root());
}

struct Owned {
  const LiveObject* live;
  Child child;
};

// A released object of ours has the ids in annotations.
std::optional<TeamIds> ids_of(const Owned& owned) {
  if (owned.child.managed_by == ManagedBy::Legacy) {
    if (owned.child.raw_org.empty() || owned.child.raw_team.empty()) return std::nullopt;
    return TeamIds{owned.child.raw_org, owned.child.raw_team};
  }
  const Json& annotations = at(owned.live->object, Pointer{"/metadata/annotations"});
  const auto org = annotations.find(std::string{kOrgKey});
  const auto team = annotations.find(std::string{kTeamKey});
  if (org == annotations.end() || team == annotations.end()) return std::nullopt;
  return TeamIds{org->get<std::string>(), team->get<std::string>()};
}

bool is_former_service(const Owned& owned) {
  return owned.child.managed_by == ManagedBy::Legacy && owned.child.slot == Slot::AgentService;
}

class Sorter {
 public:
  explicit Sorter(const std::vector<LiveObject>& objects) {
    for (const LiveObject& live : objects) {
      const auto child = project(live);
      if (!child) {
        add(result_.findings, Severity::Warning,
            name_of(live.type, live.object) + " cannot be read: " + child.error().message);
      } else if (child->managed_by != ManagedBy::Other && child->meta.controller_uid.empty()) {
        owned_.push_back({&live, *child});
      }
    }
  }

  FormerTeams run() && {
    for (const Owned& owned : owned_) {
      if (!is_former_service(owned)) place(owned, ids_of(owned));
    }
    for (const Owned& owned : owned_) {
      if (is_former_service(owned)) place(owned, ids_of_deployment(owned.child.meta.key));
    }
    for (auto& [ids, team] : result_.teams) {
      std::sort(team.namespaces.begin(), team.namespaces.end());
      if (team.namespaces.size() < 2) continue;
      std::string where;
      for (const std::string& ns : team.namespaces) where += (where.empty() ? "" : ", ") + ns;
      add(team.findings, Severity::Problem,
          "has objects in several namespaces (" + where +
              "), and a resource has its own only; delete those of one");
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::optional<TeamIds> ids_of_deployment(const kube::ObjectKey& key) const {
    for (const Owned& owned : owned_) {
      if (owned.child.slot == Slot::AgentDeployment && owned.child.meta.key == key) return ids_of(owned);
    }
    return std::nullopt;
  }

  void place(const Owned& owned, const std::optional<TeamIds>& ids) {
    const std::string name = name_of(owned.live->type, owned.live->object);
    if (!owned.child.slot || !ids) {
      const char* const why =
          owned.child.slot ? " does not tell whose it is" : " is of no kind that a team has";
      return add(result_.findings, Severity::Warning, name + why + "; it is left alone");
    }
    FormerTeam& team = result_.teams[*ids];
    team.org = ids->first;
    team.node = ids->second;
    const std::string& ns = owned.child.meta.key.ns;
    if (std::find(team.namespaces.begin(), team.namespaces.end(), ns) == team.namespaces.end())
      team.namespaces.push_back(ns);

    domain::TeamProvisioning as_team;
    as_team.meta.key.ns = ns;
    as_team.spec.org_id = team.org;
    as_team.spec.team_node_id = team.node;
    if (!belongs_to(owned.child, as_team)) {
      return add(team.findings, Severity::Warning,
                 name + " has labels of another team than its containers name; it is left alone");
    }
    if (owned.child.meta.deleting)
      return add(team.findings, Severity::Problem, name + " is being deleted; wait until it is gone");
    Json& place = team.objects.at(index(*owned.child.slot));
    if (!place.is_null()) {
      return add(team.findings, Severity::Problem,
                 "has two of a kind, " + name_of(owned.live->type, place) + " and " + name + "; delete one");
    }
    place = owned.live->object;
  }

  std::vector<Owned> owned_{};
  FormerTeams result_{};
};

// ---------------------------------------------------------------- identifiers of several teams

// Each once.
std::set<std::pair<std::size_t, std::string>> claims_of(const ServiceTeam& team) {
  std::set<std::pair<std::size_t, std::string>> claims;
  for (std::size_t kind = 0; kind < kRoutingKinds.size(); ++kind) {
    const Json& list = at(team.config, Pointer{"/routing"} / std::string{kRoutingKinds.at(kind).config_key});
    if (!list.is_array()) continue;
    for (const Json& value : list) {
      if (value.is_string()) claims.emplace(kind, value.get<std::string>());
    }
  }
  return claims;
}

std::string names_but(const TeamIds& one, const std::vector<TeamIds>& all) {
  std::string names;
  for (const TeamIds& other : all) {
    if (other == one) continue;
    names.append(names.empty() ? "" : ", ").append(other.first).append("/").append(other.second);
  }
  return names;
}

// ---------------------------------------------------------------- one team

Json autoscaling_from(const Json& autoscaler, Findings& findings) {
  Json scaling{{"minReplicas", autoscaler.value("/spec/minReplicas"_json_pointer, 1)},
               {"maxReplicas", autoscaler.value("/spec/maxReplicas"_json_pointer, 1)}};
  for (const Json& metric : at(autoscaler, Pointer{"/spec/metrics"})) {
    const std::string resource = text_at(metric, "/resource/name");
    const Json& percent = at(metric, Pointer{"/resource/target/averageUtilization"});
    if (percent.is_number() && resource == "cpu") {
      scaling["targetCPUUtilizationPercentage"] = percent;
    } else if (percent.is_number() && resource == "memory") {
      scaling["targetMemoryUtilizationPercentage"] = percent;
    } else {
      add(findings, Severity::Warning,
          "its autoscaler has a metric that spec.runtime.dedicated.autoscaling does not have: " +
              json::dump(metric));
    }
  }
  return scaling;
}

// Makes the manifest field by field.
class Draft {
 public:
  Draft(const FormerTeam& former,
        const ServiceTeam* service,
        const ContestedRouting& contested,
        const ImportRules& rules,
        const BuildContext& build)
      : former_(former), service_(service), contested_(contested), rules_(rules), build_(build) {}

  ImportedTeam run() && {
    findings_ = former_.findings;
    manifest_ = {{"apiVersion", domain::kTeamProvisionings.api_version()},
                 {"kind", domain::kTeamProvisionings.kind},
                 {"metadata",
                  {{"name", domain::resource_name_for(former_.org, former_.node)},
                   {"namespace", former_.namespaces.empty() ? rules_.ns : former_.namespaces.front()}}}};
    spec() = {{"orgId", former_.org}, {"teamNodeId", former_.node}};
    write_node();
    write_schedules();
    write_runtime();
    spec()["deletionPolicy"] = {{"children", "Orphan"}, {"config", "Retain"}};
    write_what_differs();
    write_routing();
    judge();
    return {has_problem(findings_) ? Json{} : std::move(manifest_), std::move(findings_)};
  }

 private:
  [[nodiscard]] Json& spec() { return manifest_["spec"]; }
  [[nodiscard]] const Json& live(Slot slot) const { return former_.at(slot); }
  void note(Severity severity, std::string message) { add(findings_, severity, std::move(message)); }

  void write_node() {
    if (service_ == nullptr) return;
    if (!service_->has_node)
      note(Severity::Warning, "has no node in the Config Service; the operator will make one");
    if (!service_->name.empty()) spec()["displayName"] = service_->name;
    if (!service_->parent.empty() && service_->parent != former_.org)
      spec()["parentNodeId"] = service_->parent;
    if (service_->has_node && service_->live_tokens == 0) {
      spec()["auth"] = {{"mode", "OIDC"}};
      note(Severity::Note, "has no live token, so it gets none (auth.mode: OIDC)");
    }
  }

  void write_schedules() {
    Json& pipeline = spec()["pipeline"] = {{"bootstrap", "Never"}};
    const Json& runs = live(Slot::PipelineCronJob);
    const Json& discovers = live(Slot::DiscoveryCronJob);
    const domain::ResolvedSchedules running{text_at(runs, "/spec/schedule"),
                                            text_at(discovers, "/spec/schedule")};
    if (is_left_to_service(running)) {
      pipeline["source"] = "ConfigService";
    } else {
      pipeline["source"] = "Spec";
      if (!runs.is_null()) pipeline["schedule"] = running.pipeline;
      if (!discovers.is_null()) spec()["dependencyDiscovery"]["schedule"] = running.dependency_discovery;
    }
    if (const std::string zone = text_at(runs, "/spec/timeZone"); !zone.empty() && zone != "Etc/UTC")
      pipeline["timeZone"] = zone;
    if (at(runs, Pointer{"/spec/suspend"}) == true) pipeline["suspend"] = true;
    if (at(discovers, Pointer{"/spec/suspend"}) == true) {
      spec()["dependencyDiscovery"]["enabled"] = false;
      note(Severity::Warning,
           "its dependency discovery is suspended, which is turned off here (dependencyDiscovery.enabled: "
           "false): "
           "its CronJob will be deleted");
    }
    if (const std::string zone = text_at(discovers, "/spec/timeZone"); !zone.empty() && zone != "Etc/UTC") {
      note(Severity::Warning, "its dependency discovery runs by the time of " + zone +
                                  ", and will run by UTC: adapt its schedule");
    }
  }

  // Whether the configuration asks for just what runs.
  bool is_left_to_service(const domain::ResolvedSchedules& running) {
    if (service_ == nullptr) return false;
    const auto asked = schedules_in(service_->effective);
    if (!asked) {
      note(Severity::Warning, "in its configuration " + asked.error().message + "; what runs is kept");
      return false;
    }
    if (*asked == running) return true;
    const auto is_kept = [](const std::string& asks, const std::string& runs) {
      return asks.empty() || asks == runs;
    };
    if (is_kept(asked->pipeline, running.pipeline) &&
        is_kept(asked->dependency_discovery, running.dependency_discovery)) {
      note(Severity::Note,
           "its schedules are not in its configuration, and come into the resource (pipeline.source: Spec)");
      return false;
    }
    const auto shown = [](const std::string& schedule) {
      return schedule.empty() ? std::string{"nothing"} : in_quotes(schedule);
    };
    note(Severity::Warning, "its configuration asks for other schedules than those that run (pipeline " +
                                shown(asked->pipeline) + " there, " + shown(running.pipeline) +
                                " here; discovery " + shown(asked->dependency_discovery) + " there, " +
                                shown(running.dependency_discovery) +
                                " here). What runs is kept, in the resource; with pipeline.source: "
                                "ConfigService the configuration "
                                "decides");
    return false;
  }

  void write_runtime() {
    const Json& deployment = live(Slot::AgentDeployment);
    check_url(deployment);
    if (deployment.is_null()) {
      spec()["runtime"] = {{"mode", "Shared"}};
      if (!live(Slot::AgentService).is_null()) {
        note(Severity::Warning, "has " + name_of(kube::kServices, live(Slot::AgentService)) +
                                    " and no Deployment for it: the Service will be deleted");
      }
      return;
    }
    Json& runtime = spec()["runtime"] = {{"mode", "Dedicated"}, {"dedicated", Json::object()}};
    Json& dedicated = runtime["dedicated"];
    const std::int64_t replicas = deployment.value("/spec/replicas"_json_pointer, std::int64_t{1});
    if (replicas == 0) {
      note(Severity::Problem,
           "its Deployment is scaled to 0, and a dedicated runtime has one pod at least: scale it "
           "up, or delete it and its Service");
    }
    if (replicas != 1) dedicated["replicas"] = replicas;
    if (deployment.value("/status/availableReplicas"_json_pointer, 0) > 0 &&
        port_of(former_agent()) == kFormerPort) {
      note(Severity::Warning,
           "its agents answer on port 8000. The operator's serve the port of their release (8080) and their "
           "health on "
           "8081: an image that serves 8000 only would not become ready");
    }
    if (const Json& scaler = former_.autoscaler; !scaler.is_null()) {
      dedicated["autoscaling"] = autoscaling_from(scaler, findings_);
      if (text_at(scaler, "/metadata/labels/app.kubernetes.io~1managed-by") != kManagedByUs) {
        note(Severity::Warning,
             name_of(kube::kHorizontalPodAutoscalers, scaler) +
                 " scales its Deployment. The operator makes one of its own with the same bounds: "
                 "delete the other as soon as it is there");
      }
    }
    const Json& policies = at(live(Slot::AgentNetworkPolicy), Pointer{"/spec/policyTypes"});
    if (std::find(policies.begin(), policies.end(), "Ingress") != policies.end())
      dedicated["networkIsolation"] = "Enabled";
    write_placement(pod_spec_of(Slot::AgentDeployment, deployment), dedicated);
  }

  [[nodiscard]] const Json& former_agent() const {
    return container_of(Slot::AgentDeployment, live(Slot::AgentDeployment));
  }

  // Of the agent, in the container that serves it; 0 when it names none.
  static std::int64_t port_of(const Json& container) {
    const Json& ports = at(container, Pointer{"/ports"});
    const Json& http = named(ports, "http").is_null() ? at(ports, Pointer{"/0"}) : named(ports, "http");
    return http.is_null() ? 0 : http.value("containerPort", std::int64_t{0});
  }

  void check_url(const Json& deployment) {
    if (service_ == nullptr) return;
    const std::string url = dedicated_url_of(service_->config);
    const std::string host = "://" + text_at(deployment, "/metadata/name") + "." +
                             text_at(deployment, "/metadata/namespace") + ".";
    const bool is_its = !deployment.is_null() && url.find(host) != std::string::npos;
    if (deployment.is_null() && !url.empty()) {
      note(Severity::Warning,
           "its configuration sends its runs to " + url +
               ", which is no agent of its own; it stays there, and the gateway goes there only if "
               "--agent-hosts lists that host");
    } else if (!deployment.is_null() && !is_its) {
      note(Severity::Warning, std::string{"has an agent of its own, and its configuration sends its runs "} +
                                  (url.empty() ? "to the shared one" : "to " + url) +
                                  "; they will go to its own once that is available");
    }
  }

  static void write_placement(const Json& pod, Json& dedicated) {
    for (const char* field : {"nodeSelector", "tolerations", "affinity", "priorityClassName"}) {
      if (pod.contains(field) && !pod.at(field).empty()) dedicated[field] = pod.at(field);
    }
    if (!pod.contains("topologySpreadConstraints")) return;
    Json& spread = dedicated["topologySpread"] = pod.at("topologySpreadConstraints");
    for (Json& constraint : spread) constraint.erase("labelSelector");
  }

  // By comparison with what the operator would make of the draft so far.
  void write_what_differs() {
    const auto drafted = parse();
    if (!drafted) return;
    for (const DesiredChild& child :
         desired_state(drafted->team, build_, default_layout(drafted->team)).children) {
      const Json& former = container_of(child.slot, live(child.slot));
      if (former.is_null()) continue;
      const Json& ours = container_of(child.slot, child.object);
      Json& settings = settings_of(child.slot);
      const std::string image = text_at(former, "/image");
      if (image != text_at(ours, "/image")) {
        settings["image"] = image;
        note(Severity::Note, "keeps the image " + image + " (others get " + text_at(ours, "/image") + ")");
      }
      if (const Json& resources = at(former, Pointer{"/resources"}); !resources.empty()) {
        if (resources != ours.at("resources")) settings["resources"] = resources;
      }
      check_service_url(former, ours);
      if (child.slot == Slot::AgentDeployment) write_agent(former, ours, settings);
    }
    if (spec()["runtime"].contains("dedicated") && spec()["runtime"]["dedicated"].empty())
      spec()["runtime"].erase("dedicated");
    if (spec().contains("dependencyDiscovery") && spec()["dependencyDiscovery"].empty())
      spec().erase("dependencyDiscovery");
  }

  [[nodiscard]] Json& settings_of(Slot slot) {
    if (slot == Slot::PipelineCronJob) return spec()["pipeline"];
    return slot == Slot::DiscoveryCronJob ? spec()["dependencyDiscovery"] : spec()["runtime"]["dedicated"];
  }

  void check_service_url(const Json& former, const Json& ours) {
    const auto url = [](const Json& container) {
      return text_at(named(at(container, Pointer{"/env"}), "CONFIG_SERVICE_URL"), "/value");
    };
    if (url(former) == url(ours)) return;
    note(Severity::Warning, "its container " + in_quotes(text_at(former, "/name")) + " asks " + url(former) +
                                " for its configuration, and will ask " + url(ours) +
                                ": see --config-service-url");
  }

  void write_agent(const Json& former, const Json& ours, Json& settings) {
    const std::int64_t port = port_of(former);
    if (port != 0 && port != kFormerPort && port != port_of(ours)) settings["containerPort"] = port;
    Json env = Json::array();
    for (const Json& variable : at(former, Pointer{"/env"})) {
      const std::string name = text_at(variable, "/name");
      if (!named(ours.at("env"), name).is_null()) continue;
      const Json& reference = at(variable, Pointer{"/valueFrom/secretKeyRef"});
      if (!variable.contains("valueFrom")) {
        env.push_back({{"name", name}, {"value", text_at(variable, "/value")}});
      } else if (!reference.is_null()) {
        env.push_back({{"name", name}, {"valueFrom", {{"secretKeyRef", reference}}}});
      } else {
        note(Severity::Warning,
             "its agent takes the variable " + name +
                 " from something else than a Secret, which spec.runtime.dedicated.env cannot say");
      }
    }
    if (!env.empty()) settings["env"] = std::move(env);
  }

  // A list of the configuration is taken over whole or not at all.
  void write_routing() {
    if (service_ == nullptr) return;
    const Json& routing = at(service_->config, Pointer{"/routing"});
    for (const auto& [claim, others] : contested_) {
      note(Severity::Warning, std::string{kRoutingKinds.at(claim.first).config_key} + " " + claim.second +
                                  " is in the routing of " + others +
                                  " as well: events go to whichever the Config Service finds first");
    }
    for (std::size_t kind = 0; kind < kRoutingKinds.size() && routing.is_object(); ++kind) {
      const auto list = routing.find(std::string{kRoutingKinds.at(kind).config_key});
      if (list == routing.end() || list->is_null()) continue;
      write_routing_list(kind, *list);
    }
    if (!routing.is_null() && !routing.is_object())
      note(Severity::Warning, "routing of its configuration is no object, which makes every lookup fail");
  }

  void write_routing_list(std::size_t kind, const Json& list) {
    const std::string key = "routing." + std::string{kRoutingKinds.at(kind).config_key};
    const bool sound = list.is_array() && std::all_of(list.begin(), list.end(),
                                                      [](const Json& value) { return value.is_string(); });
    if (!sound) {
      return note(Severity::Warning,
                  key + " of its configuration is no list of texts, which makes every lookup fail");
    }
    if (!rules_.own_routing) return;
    const bool shared = std::any_of(contested_.begin(), contested_.end(),
                                    [&](const auto& entry) { return entry.first.first == kind; });
    if (shared) return note(Severity::Warning, key + " stays the Config Service's until that is settled");
    Json kept = Json::array();
    for (const Json& value : list) {
      if (std::find(kept.begin(), kept.end(), value) == kept.end()) kept.push_back(value);
    }
    const std::string field{kRoutingKinds.at(kind).field};
    spec()["routing"][field] = std::move(kept);
    const auto drafted = parse();
    if (!drafted) return;
    for (const domain::FieldError& error : drafted->errors) {
      if (!error.path.starts_with("spec.routing." + field)) continue;
      spec()["routing"].erase(field);
      if (spec()["routing"].empty()) spec().erase("routing");
      return note(Severity::Warning,
                  key + " stays the Config Service's: " + error.path + " " + error.message);
    }
  }

  void judge() {
    const auto drafted = parse();
    if (!drafted) return note(Severity::Problem, drafted.error().message);
    for (const domain::FieldError& error : drafted->errors)
      note(Severity::Problem, error.path + " " + error.message);
    if (!drafted->errors.empty()) return;
    for (const domain::FieldError& error : check_policy(drafted->team, build_))
      note(Severity::Problem, error.path + " " + error.message);
  }

  // As the operator would read it, with the schedules that it would find in the Config Service.
  [[nodiscard]] Result<domain::ParsedTeam> parse() const {
    json::Document document;
    TP_TRY(document.parse(json::dump(manifest_)));
    TP_ASSIGN_OR_RETURN(domain::ParsedTeam parsed, domain::parse_team(document.root(), true));
    domain::PlatformStatus memory;
    memory.schedules = domain::ResolvedSchedules{text_at(live(Slot::PipelineCronJob), "/spec/schedule"),
                                                 text_at(live(Slot::DiscoveryCronJob), "/spec/schedule")};
    parsed.team.status.platform = std::make_shared<const domain::PlatformStatus>(std::move(memory));
    return parsed;
  }

  const FormerTeam& former_;
  const ServiceTeam* const service_;
  const ContestedRouting& contested_;
  const ImportRules& rules_;
  const BuildContext& build_;
  Json manifest_{};
  Findings findings_{};
};

}  // namespace

FormerTeams teams_of(const std::vector<LiveObject>& objects) { return Sorter{objects}.run(); }

ImportedTeam import_team(const FormerTeam& former,
                         const ServiceTeam* service,
                         const ContestedRouting& contested,
                         const ImportRules& rules,
                         const BuildContext& build) {
  return Draft{former, service, contested, rules, build}.run();
}

std::map<TeamIds, ContestedRouting> contested_routing(const std::map<TeamIds, ServiceTeam>& teams) {
  std::map<std::pair<std::size_t, std::string>, std::vector<TeamIds>> claims;
  for (const auto& [ids, team] : teams) {
    for (const auto& claim : claims_of(team)) claims[claim].push_back(ids);
  }
  std::map<TeamIds, ContestedRouting> contested;
  for (const auto& [claim, claimants] : claims) {
    if (claimants.size() < 2) continue;
    for (const TeamIds& one : claimants) contested[one].emplace(claim, names_but(one, claimants));
  }
  return contested;
}

Findings taken_names(const TeamIds& team, const FormerTeams& all) {
  const domain::TeamNames names = domain::legacy_names_for(team.first, team.second);
  const std::array<std::pair<Slot, std::string>, 3> wanted{{{Slot::PipelineCronJob, names.pipeline},
                                                            {Slot::DiscoveryCronJob, names.discovery},
                                                            {Slot::AgentDeployment, names.agent}}};
  Findings findings;
  for (const auto& [ids, other] : all.teams) {
    if (ids == team) continue;
    for (const auto& [slot, name] : wanted) {
      const Json& object = other.at(slot);
      if (object.is_null() || text_at(object, "/metadata/name") != name) continue;
      add(findings, Severity::Warning,
          name_of(info(slot).type, object) + " would have been its name too, and is " + ids.first + "/" +
              ids.second +
              "'s: the former service gave both the same, so what it made for this team is gone");
    }
  }
  return findings;
}

std::vector<std::string> lost_parts(const std::vector<Difference>& found) {
  std::vector<std::string> lost;
  for (const Difference& difference : found) {
    if (difference.before && !difference.after) lost.push_back(difference.path);
  }
  return lost;
}

bool has_problem(const Findings& findings) noexcept {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.severity == Severity::Problem; });
}

}  // namespace tp::provisioner
