#include "gateway/admin/controls.h"

#include <utility>

#include "base/time.h"
#include "gateway/admin/fields.h"
#include "gateway/event/event.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kNameBytes = 200;
constexpr std::size_t kAuditBytes = 1000;
constexpr int kMaxRunsPerHour = 1'000'000;

Json to_json(const Control& control) {
  return {{"source", control.source},
          {"org_id", control.org_id},
          {"team_node_id", control.team_node_id},
          {"paused", control.paused},
          {"runs_per_hour", control.runs_per_hour ? Json(*control.runs_per_hour) : Json{}},
          {"changed_by", control.changed_by.empty() ? Json{} : Json(control.changed_by)},
          {"changed_at", to_rfc3339_micro(control.changed_at)}};
}

Control control_of(Fields& fields) {
  fields.allow_only({"source", "org_id", "team_node_id", "paused", "runs_per_hour"});
  Control control{.source = fields.text_or_none("source", {0, kNameBytes}).value_or(""),
                  .org_id = fields.text_or_none("org_id", {0, kNameBytes}).value_or(""),
                  .team_node_id = fields.text_or_none("team_node_id", {0, kNameBytes}).value_or(""),
                  .paused = fields.boolean("paused", false)};
  if (!control.source.empty() && !parse_source(control.source))
    fields.wrong("source", "there is no such source");
  if (const auto runs = fields.integer_or_none("runs_per_hour", {0, kMaxRunsPerHour}))
    control.runs_per_hour = static_cast<int>(*runs);
  return control;
}

// What a body asked for, as the audit keeps it.
std::string audit_text(const std::string& body) {
  const auto parsed =
      body.size() <= kAuditBytes ? json::parse(body) : Error{ErrorCode::ResourceExhausted, {}};
  return parsed ? json::dump(*parsed) : "not understood";
}

Json control_schema() {
  return schema::object({{"source", schema::text()},
                         {"org_id", schema::text()},
                         {"team_node_id", schema::text()},
                         {"paused", schema::boolean()},
                         {"runs_per_hour", schema::or_null(schema::integer())},
                         {"changed_by", schema::or_null(schema::text())},
                         {"changed_at", schema::time()}});
}

}  // namespace

AdminRoutes ControlsApi::routes() const {
  const Json name = schema::or_null(schema::text(0, kNameBytes));
  std::vector<std::string> sources{""};
  for (const auto& [source, its_name] : kSourceNames) sources.emplace_back(its_name);
  return {
      {.method = http::Method::Get,
       .path = "/api/v1/admin/controls",
       .access = Permission::Controls,
       .action = "controls.list",
       .operation = {.summary = "All controls that apply.",
                     .answers = {{200, "The controls.",
                                  schema::object({{"controls", schema::list(control_schema())}})}}},
       .handle = [this](AdminCall& call) { return list(call); }},
      {.method = http::Method::Put,
       .path = "/api/v1/admin/controls",
       .access = Permission::Controls,
       .action = "controls.put",
       .operation = {.summary = "Pause runs, or set another cap per hour, for all that the names match.",
                     .body = schema::closed_object(
                         {{"source", schema::or_null(schema::one_of(sources))},
                          {"org_id", name},
                          {"team_node_id", name},
                          {"paused", schema::or_null(schema::boolean())},
                          {"runs_per_hour", schema::or_null(schema::integer(0, kMaxRunsPerHour))}}),
                     .body_required = false,
                     .answers = {{200, "What holds now.",
                                  schema::object({{"ok", schema::boolean()}, {"control", control_schema()}})},
                                 {422, "The body is not valid.", schema::invalid()}}},
       .handle = [this](AdminCall& call) { return put(call); }},
  };
}

Result<http::Response> ControlsApi::list(AdminCall& call) const {
  TP_ASSIGN_OR_RETURN(auto controls, controls_.list(call.ctx, call.principal.org_id));
  Json list = Json::array();
  for (Control& control : controls) {
    if (control.org_id != call.principal.org_id && !call.principal.org_id.empty()) control.changed_by.clear();
    list.push_back(to_json(control));
  }
  return admin_answer(200, {{"controls", std::move(list)}});
}

Result<http::Response> ControlsApi::put(AdminCall& call) const {
  call.target = audit_text(call.request.body);
  Fields fields{call.request.body};
  Control control = control_of(fields);
  if (auto refusal = fields.refusal()) return *std::move(refusal);
  if (auto refusal = call.about(control.org_id, control.team_node_id)) return *std::move(refusal);
  control.changed_by = call.actor();
  control.changed_at = clock_.wall_now();
  TP_TRY(controls_.put(call.ctx, control));
  return admin_answer(200, {{"ok", true}, {"control", to_json(control)}});
}

}  // namespace tp::gateway
