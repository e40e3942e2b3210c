#include "gateway/admin/provisioning_requests.h"

#include <cstddef>
#include <utility>

#include "domain/team_schema.h"
#include "gateway/admin/query.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

constexpr Fields::Length kOrg{1, 64};
constexpr Fields::Length kTeam{1, 128};
constexpr Fields::Length kKey{1, 128};
constexpr Fields::Length kSchedule{1, 256};
constexpr std::size_t kLongestWait = 60;
constexpr std::size_t kUsualWait = 30;  // former clients expect one answer

struct Place {
  const char* field;
  std::vector<std::string> path;
};

const Place kChannels{"slack_channel_ids", {"spec", "routing", "slackChannelIds"}};
const Place kPipelineSchedule{"pipeline_schedule", {"spec", "pipeline", "schedule"}};
const Place kTimeZone{"time_zone", {"spec", "pipeline", "timeZone"}};
const Place kSuspend{"suspend", {"spec", "pipeline", "suspend"}};
const Place kDiscoverySchedule{"dependency_discovery_schedule", {"spec", "dependencyDiscovery", "schedule"}};
const Place kMode{"deployment_mode", {"spec", "runtime", "mode"}};
const Place kOrgId{"org_id", {"spec", "orgId"}};
const Place kTeamId{"team_node_id", {"spec", "teamNodeId"}};

void edit(ProvisioningRequest& request, const Place& place, Json value) {
  request.edits.push_back({place.path, std::move(value)});
}

void edit_text(Fields& fields, ProvisioningRequest& request, const Place& place, Fields::Length length) {
  const auto text = fields.text_or_none(place.field, length);
  if (fields.given(place.field)) edit(request, place, text ? Json(*text) : Json{});
}

ProvisioningRequest request_of(Fields& fields, RunKind kind) {
  return {.team = {fields.text("org_id", kOrg), fields.text("team_node_id", kTeam)},
          .kind = kind,
          .key = fields.text_or_none("idempotency_key", kKey).value_or("")};
}

// The resource's own rules, of what is asked for.
void check_rules(Fields& fields, const ProvisioningRequest& request) {
  if (fields.refusal()) return;
  const Json skeleton{{"spec", {{"orgId", request.team.org_id}, {"teamNodeId", request.team.team_node_id}}}};
  json::Document document;
  if (!document.parse(json::dump(edited(skeleton, request.edits)))) return;
  for (const domain::FieldError& error : domain::check(domain::team_schema(), document.root(), "")) {
    for (const Place* const place : {&kChannels, &kPipelineSchedule, &kTimeZone, &kSuspend,
                                     &kDiscoverySchedule, &kMode, &kOrgId, &kTeamId}) {
      if (error.path.starts_with(dotted(place->path))) fields.wrong(place->field, error.message);
    }
  }
}

}  // namespace

ProvisioningRequest provision_request(Fields& fields) {
  ProvisioningRequest request = request_of(fields, RunKind::Provision);
  const auto channels = fields.texts_or_none(kChannels.field, {1, 255});
  if (fields.given(kChannels.field)) edit(request, kChannels, channels ? Json(*channels) : Json{});
  request.channels = channels.value_or(std::vector<std::string>{});
  edit_text(fields, request, kPipelineSchedule, kSchedule);
  const auto mode = fields.text_or_none(kMode.field, {1, 32});
  if (mode && *mode != "shared" && *mode != "dedicated")
    fields.wrong(kMode.field, "must be shared or dedicated");
  if (fields.given(kMode.field))
    edit(request, kMode, mode ? Json(*mode == "dedicated" ? "Dedicated" : "Shared") : Json{});
  check_rules(fields, request);
  return request;
}

ProvisioningRequest schedules_request(Fields& fields) {
  ProvisioningRequest request = request_of(fields, RunKind::Schedules);
  edit_text(fields, request, kPipelineSchedule, kSchedule);
  edit_text(fields, request, kTimeZone, {1, 64});
  if (fields.given(kSuspend.field)) edit(request, kSuspend, fields.boolean(kSuspend.field, false));
  edit_text(fields, request, kDiscoverySchedule, kSchedule);
  check_rules(fields, request);
  return request;
}

DeprovisionRequest deprovision_request(Fields& fields) {
  DeprovisionRequest asked{.request = request_of(fields, RunKind::Deprovision)};
  asked.dry_run = fields.boolean("dry_run", false);
  asked.orphan = !fields.boolean("delete_k8s_resources", true);
  asked.clear = fields.boolean("delete_team_config", false);
  const std::string policy = "deletionPolicy";
  if (fields.given("delete_k8s_resources"))
    asked.request.edits.push_back({{"spec", policy, "children"}, asked.orphan ? "Orphan" : "Delete"});
  if (asked.clear) asked.request.edits.push_back({{"spec", policy, "config"}, "Clear"});
  check_rules(fields, asked.request);
  return asked;
}

Result<std::chrono::seconds> wait_of(std::string_view target) {
  Query query{target};
  const auto wait = query.number("wait", 0, kLongestWait);
  TP_TRY(query.end());
  return std::chrono::seconds{wait.value_or(kUsualWait)};
}

}  // namespace tp::gateway
