#include "gateway/admin/provisioning.h"

#include <chrono>
#include <utility>
#include <vector>

#include "domain/team_provisioning.h"
#include "gateway/teams/team_parts.h"
#include "gateway/teams/team_token.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

constexpr seconds kAnswerDeadline{5};
constexpr std::size_t kAnswers = 10'000;
// A minute of ?wait, and what comes before and after it.
constexpr seconds kAnswerWithin{90};
constexpr const char* kRunIdHeader = "X-IncidentFox-Provisioning-Run-Id";

http::Response with_run_id(http::Response answer, const std::string& run_id) {
  answer.headers.add(kRunIdHeader, run_id);
  return answer;
}

http::Response refusal_with_run(int status, const std::string& detail, const std::string& run_id) {
  return with_run_id(admin_answer(status, {{"detail", detail}, {"provisioning_run_id", run_id}}), run_id);
}

int status_of(ErrorCode refused) {
  switch (refused) {
    case ErrorCode::NotFound: return 404;
    case ErrorCode::InvalidArgument: return 400;
    default: return 409;
  }
}

int status_of(RunStatus status) {
  switch (status) {
    case RunStatus::Running: return 202;
    case RunStatus::Succeeded: return 200;
    case RunStatus::Failed: break;
  }
  return 502;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json{} : Json(text); }

Json member_or_null(const Json& object, const char* name) {
  return object.is_object() ? object.value(name, Json{}) : Json{};
}

// ---------------------------------------------------------------- schemas

Json run_id_schema() { return schema::uuid(); }

Operation::Parameter wait_parameter() {
  return {"wait", "Seconds to wait for the run's end.", schema::integer(0, 60)};
}

Json any_or_null() { return schema::or_null(schema::any_object()); }

std::vector<Operation::Answer> run_answers(const Json& body) {
  const Json refused = schema::refusal();
  return {{200, "The run has succeeded.", body},
          {202, "It goes on; its id leads to its end.", body},
          {400, "Not what a resource can be, or a wrong wait.", refused},
          {404, "There is no such team.", refused},
          {409,
           "Another owns the field or the channel, the key stands for another request, or the team is going.",
           refused},
          {422, "The body is not valid.", schema::invalid()},
          {502, "The run has failed.", Json::object()}};
}

std::vector<Operation::Parameter> team_path() {
  return {{"org_id", "The org.", schema::text(1)}, {"team_node_id", "The team.", schema::text(1)}};
}

}  // namespace

ProvisioningApi::ProvisioningApi(Provisioning& provisioning,
                                 ProvisioningRuns& runs,
                                 RunWatch& watch,
                                 TeamCache& cache,
                                 kube::ApiClient& api,
                                 const Clock& clock,
                                 log::Logger log)
    : provisioning_(provisioning),
      runs_(runs),
      watch_(watch),
      cache_(cache),
      api_(api),
      clock_(clock),
      log_(std::move(log)),
      answers_("run-answers", kAnswerDeadline, kAnswers, clock) {}

AdminRoutes ProvisioningApi::routes() {
  const auto later = [](auto* self, auto member) {
    return [self, member](const CallPointer& call, const AdminReply& reply) { (self->*member)(call, reply); };
  };
  const auto now = [this](auto member) {
    return [this, member](AdminCall& call) { return (this->*member)(call); };
  };
  const Json org = schema::text(1, 64);
  const Json team = schema::text(1, 128);
  const Json key = schema::or_null(schema::text(1, 128));
  const Json schedule = schema::or_null(schema::text(1, 256));
  const Json provision_body =
      schema::object({{"org_id", org}, {"team_node_id", team}},
                     {{"slack_channel_ids", schema::or_null(schema::list(schema::text(1, 255)))},
                      {"idempotency_key", key},
                      {"pipeline_schedule", schedule},
                      {"deployment_mode", schema::or_null(schema::one_of({"shared", "dedicated"}))}});
  const Json provision_answer =
      schema::object({{"provisioning_run_id", run_id_schema()},
                      {"status", schema::one_of({"running", "succeeded", "failed"})},
                      {"team_node_id", schema::text()},
                      {"org_id", schema::text()},
                      {"team_id", schema::text()},
                      {"team_token", schema::or_null(schema::text())},
                      {"pipeline_bootstrap", any_or_null()},
                      {"pipeline_cronjob", any_or_null()},
                      {"dedicated_deployment", any_or_null()},
                      {"error", schema::or_null(schema::text())}});
  const Json deprovision_body = schema::object({{"org_id", org}, {"team_node_id", team}},
                                               {{"delete_k8s_resources", schema::or_null(schema::boolean())},
                                                {"delete_team_config", schema::or_null(schema::boolean())},
                                                {"dry_run", schema::or_null(schema::boolean())},
                                                {"idempotency_key", key}});
  const Json deprovision_answer = schema::object({{"ok", schema::boolean()},
                                                  {"dry_run", schema::boolean()},
                                                  {"deleted", schema::any_object()},
                                                  {"errors", schema::list(schema::text())},
                                                  {"provisioning_run_id", schema::or_null(run_id_schema())}});
  const Json schedules_answer = schema::object({{"ok", schema::boolean()},
                                                {"org_id", schema::text()},
                                                {"team_node_id", schema::text()},
                                                {"pipeline_cronjob", any_or_null()},
                                                {"dependency_discovery_cronjob", any_or_null()},
                                                {"message", schema::text()},
                                                {"provisioning_run_id", run_id_schema()}});
  const auto deprovision_route = [&](http::Method method, const char* path, const char* action) {
    return AdminRoute{.method = method,
                      .path = path,
                      .access = Permission::DeprovisionTeam,
                      .action = action,
                      .operation = {.summary = "Take everything away from a team that it was given.",
                                    .query = {wait_parameter()},
                                    .body = deprovision_body,
                                    .answers = run_answers(deprovision_answer)},
                      .handle_later = later(this, &ProvisioningApi::deprovision),
                      .answer_within = kAnswerWithin};
  };
  return {
      {.method = http::Method::Post,
       .path = "/api/v1/admin/provision/team",
       .access = Permission::ProvisionTeam,
       .action = "provision.team",
       .operation = {.summary = "Give a team what it needs. A field that is absent leaves what there is.",
                     .query = {wait_parameter()},
                     .body = provision_body,
                     .answers = run_answers(provision_answer)},
       .handle_later = later(this, &ProvisioningApi::provision),
       .answer_within = kAnswerWithin},
      deprovision_route(http::Method::Delete, "/api/v1/admin/provision/team", "provision.delete"),
      deprovision_route(http::Method::Post, "/api/v1/admin/deprovision/team", "deprovision.team"),
      {.method = http::Method::Post,
       .path = "/api/v1/admin/schedules/team",
       .access = Permission::Schedules,
       .action = "schedules.team",
       .operation = {.summary = "Set a team's schedules. Null removes one, absent leaves it.",
                     .query = {wait_parameter()},
                     .body = schema::object({{"org_id", org}, {"team_node_id", team}},
                                            {{"pipeline_schedule", schedule},
                                             {"time_zone", schema::or_null(schema::text(1, 64))},
                                             {"suspend", schema::or_null(schema::boolean())},
                                             {"dependency_discovery_schedule", schedule},
                                             {"idempotency_key", key}}),
                     .answers = run_answers(schedules_answer)},
       .handle_later = later(this, &ProvisioningApi::schedules),
       .answer_within = kAnswerWithin},
      {.method = http::Method::Get,
       .path = "/api/v1/admin/provision/runs/{provisioning_run_id}",
       .access = Permission::ProvisionRead,
       .action = "provision.run",
       .operation = {.summary = "What became of a run.",
                     .path = {{"provisioning_run_id", "The run's id.", schema::text(1)}},
                     .answers = {{200, "The run.",
                                  schema::object(
                                      {{"provisioning_run_id", run_id_schema()},
                                       {"status", schema::one_of({"running", "succeeded", "failed"})},
                                       {"steps", schema::any_object()},
                                       {"error", schema::or_null(schema::text())}})},
                                 {404, "There is no such run.", schema::refusal()}}},
       .handle = now(&ProvisioningApi::get_run)},
      {.method = http::Method::Get,
       .path = "/api/v1/admin/teams/{org_id}/{team_node_id}/deployment",
       .access = Permission::DeploymentRead,
       .action = "teams.deployment",
       .operation = {.summary = "The team's own agent, if it has one.",
                     .path = team_path(),
                     .answers = {{200, "What there is.",
                                  schema::object(
                                      {{"name", schema::or_null(schema::text())},
                                       {"namespace", schema::or_null(schema::text())},
                                       {"mode", schema::one_of({"shared", "dedicated"})},
                                       {"replicas", schema::or_null(schema::integer())},
                                       {"ready_replicas", schema::or_null(schema::integer())},
                                       {"available_replicas", schema::or_null(schema::integer())},
                                       {"service_url", schema::or_null(schema::text())},
                                       {"conditions", schema::or_null(schema::list(schema::any_object()))},
                                       {"error", schema::or_null(schema::text())}})}}},
       .handle = now(&ProvisioningApi::deployment)},
      {.method = http::Method::Get,
       .path = "/api/v1/admin/teams/{org_id}/{team_node_id}/pipeline",
       .access = Permission::PipelineRead,
       .action = "teams.pipeline",
       .operation = {.summary = "The team's AI pipeline, if it has one.",
                     .path = team_path(),
                     .answers = {{200, "What there is.",
                                  schema::object({{"configured", schema::boolean()}},
                                                 {{"name", schema::text()},
                                                  {"namespace", schema::text()},
                                                  {"schedule", schema::text()},
                                                  {"suspended", schema::boolean()},
                                                  {"last_schedule_time", schema::or_null(schema::text())},
                                                  {"active_jobs", schema::integer()}})}}},
       .handle = now(&ProvisioningApi::pipeline)},
  };
}

void ProvisioningApi::provision(const CallPointer& call, const AdminReply& reply) {
  Fields fields{call->request.body};
  const ProvisioningRequest request = provision_request(fields);
  if (auto refusal = fields.refusal()) return reply(*std::move(refusal));
  run(call, reply, request,
      [this](const Context& ctx, const ProvisioningRun& its_run) { return provisioned(ctx, its_run); });
}

void ProvisioningApi::schedules(const CallPointer& call, const AdminReply& reply) {
  Fields fields{call->request.body};
  const ProvisioningRequest request = schedules_request(fields);
  if (auto refusal = fields.refusal()) return reply(*std::move(refusal));
  run(call, reply, request, [this](const Context& /*ctx*/, const ProvisioningRun& its_run) {
    const TeamResourcePointer resource = cache_.get(its_run.resource, its_run.uid);
    const bool ok = its_run.status == RunStatus::Succeeded;
    return Json{{"ok", ok},
                {"org_id", its_run.team.org_id},
                {"team_node_id", its_run.team.team_node_id},
                {"pipeline_cronjob", resource ? pipeline_cronjob(*resource) : Json{}},
                {"dependency_discovery_cronjob", resource ? discovery_cronjob(*resource) : Json{}},
                {"message", ok                      ? "schedules are set"
                            : its_run.error.empty() ? "the change is under way"
                                                    : its_run.error},
                {"provisioning_run_id", its_run.id}};
  });
}

void ProvisioningApi::deprovision(const CallPointer& call, const AdminReply& reply) {
  Fields fields{call->request.body};
  const DeprovisionRequest asked = deprovision_request(fields);
  if (auto refusal = fields.refusal()) return reply(*std::move(refusal));
  // Looked up before anything goes; whether the caller may know is judged first all the same.
  const TeamRef& team = asked.request.team;
  if (auto refusal = call->about(team.org_id, team.team_node_id)) return reply(*std::move(refusal));
  const TeamResourcePointer resource = cache_.find(team);
  const Json goes = resource ? going(*resource, asked.orphan, asked.clear) : Json::object();
  if (asked.dry_run) {
    if (!cache_.synced()) return reply(unavailable({ErrorCode::Unavailable, "not listed yet"}, call->ctx.id));
    if (!resource) return reply(admin_refusal(404, "team_not_found"));
    return reply(admin_answer(200, {{"ok", true},
                                    {"dry_run", true},
                                    {"deleted", goes},
                                    {"errors", Json::array()},
                                    {"provisioning_run_id", nullptr}}));
  }
  run(call, reply, asked.request, [goes](const Context& /*ctx*/, const ProvisioningRun& its_run) {
    Json errors = Json::array();
    if (!its_run.error.empty()) errors.push_back(its_run.error);
    return Json{{"ok", its_run.status == RunStatus::Succeeded},
                {"dry_run", false},
                {"deleted", goes},
                {"errors", std::move(errors)},
                {"provisioning_run_id", its_run.id}};
  });
}

void ProvisioningApi::run(const CallPointer& call,
                          const AdminReply& reply,
                          const ProvisioningRequest& request,
                          const Body& body) {
  if (auto refusal = call->about(request.team.org_id, request.team.team_node_id))
    return reply(*std::move(refusal));
  const auto wait = wait_of(call->request.target);
  if (!wait) return reply(wait.error());
  auto begun = provisioning_.begin(call->ctx, request);
  if (!begun) return reply(unavailable(begun.error(), call->ctx.id));
  const ProvisioningRun& its_run = begun->run;
  call->target += " run " + its_run.id;
  if (begun->other_body)
    return reply(refusal_with_run(409, "idempotency_key_reused: it stands for another request", its_run.id));
  if (begun->refused)
    return reply(refusal_with_run(status_of(begun->refused->code), its_run.error, its_run.id));
  // A replay of one that was refused: it has no resource.
  if (its_run.uid.empty()) return reply(refusal_with_run(409, its_run.error, its_run.id));
  if (its_run.status != RunStatus::Running || wait->count() == 0) return reply_later(reply, its_run, body);
  watch_.await(its_run, clock_.now() + *wait,
               [this, reply, body, its_run](const std::optional<ProvisioningRun>& ended) {
                 reply_later(reply, ended ? *ended : its_run, body);
               });
}

void ProvisioningApi::reply_later(const AdminReply& reply, const ProvisioningRun& run, const Body& body) {
  const bool queued = answers_.add([reply, run, body](const Context& ctx) {
    reply(with_run_id(admin_answer(status_of(run.status), body(ctx, run)), run.id));
  });
  if (!queued) reply(refusal_with_run(503, "too_many_requests", run.id));
}

http::Response ProvisioningApi::unavailable(const Error& error, const std::string& request_id) const {
  log_.warn("a run cannot be begun", {{"request_id", request_id}, {"error", error}});
  http::Response answer = admin_refusal(
      503, error.code == ErrorCode::ResourceExhausted ? "team_busy" : "kubernetes_or_database_unavailable");
  answer.headers.add("Retry-After", "5");
  return answer;
}

Json ProvisioningApi::provisioned(const Context& ctx, const ProvisioningRun& run) {
  const TeamResourcePointer resource = cache_.get(run.resource, run.uid);
  const bool succeeded = run.status == RunStatus::Succeeded;
  return {{"provisioning_run_id", run.id},
          {"status", to_string(run.status)},
          {"team_node_id", run.team.team_node_id},
          {"org_id", run.team.org_id},
          {"team_id", run.team.team_node_id},
          {"team_token", resource && succeeded ? token_of(ctx, run, *resource) : Json{}},
          {"pipeline_bootstrap", resource ? pipeline_bootstrap(*resource) : Json{}},
          {"pipeline_cronjob", resource ? pipeline_cronjob(*resource) : Json{}},
          {"dedicated_deployment", resource ? dedicated_deployment(*resource) : Json{}},
          {"error", text_or_null(run.error)}};
}

Json ProvisioningApi::token_of(const Context& ctx, const ProvisioningRun& run, const TeamResource& resource) {
  // Read first: what was claimed and cannot be shown would be lost.
  const auto token = read_team_token(ctx, api_, resource);
  const auto claimed = token && *token ? runs_.claim_token(ctx, run.id) : Result<bool>{false};
  for (const Error* const error : {token ? nullptr : &token.error(), claimed ? nullptr : &claimed.error()}) {
    if (error != nullptr) log_.warn("a team's token is not shown yet", {{"run", run.id}, {"error", *error}});
  }
  if (!claimed || !*claimed) return nullptr;
  return (*token)->reveal();
}

Result<http::Response> ProvisioningApi::get_run(AdminCall& call) const {
  const std::string& id = call.path.at("provisioning_run_id");
  TP_ASSIGN_OR_RETURN(const auto run, runs_.get(call.ctx, id));
  const std::string& own = call.principal.org_id;
  if (!run || (!own.empty() && run->team.org_id != own)) return admin_refusal(404, "run_not_found");
  return admin_answer(200, {{"provisioning_run_id", run->id},
                            {"status", to_string(run->status)},
                            {"steps", run->steps},
                            {"error", text_or_null(run->error)}});
}

Result<Json> ProvisioningApi::live(const Context& ctx,
                                   const kube::ResourceType& type,
                                   const std::string& ns,
                                   const std::string& name) const {
  if (name.empty()) return Json{};
  const auto text = api_.get(ctx, type, {ns, name});
  if (!text && text.error().code == ErrorCode::NotFound) return Json{};
  if (!text) return text.error();
  return json::parse(*text);
}

Result<http::Response> ProvisioningApi::deployment(AdminCall& call) const {
  if (auto refusal = call.about(call.path.at("org_id"), call.path.at("team_node_id")))
    return *std::move(refusal);
  if (!cache_.synced()) return unavailable({ErrorCode::Unavailable, "not listed yet"}, call.ctx.id);
  const TeamResourcePointer resource = cache_.find(call.subject);
  const bool dedicated = resource && resource->spec.mode == domain::RuntimeMode::Dedicated;
  Json body{
      {"name", nullptr},        {"namespace", nullptr},      {"mode", dedicated ? "dedicated" : "shared"},
      {"replicas", nullptr},    {"ready_replicas", nullptr}, {"available_replicas", nullptr},
      {"service_url", nullptr}, {"conditions", nullptr},     {"error", nullptr}};
  if (!dedicated) return admin_answer(200, body);
  body["service_url"] = text_or_null(resource->status.service_url);
  const std::string& ns = resource->meta.key.ns;
  const auto object = live(call.ctx, kube::kDeployments, ns, inventory_name(*resource, "Deployment"));
  if (!object) return unavailable(object.error(), call.ctx.id);
  if (object->is_null()) return admin_answer(200, body);
  const Json& status = member_or_null(*object, "status");
  body["name"] = object->at("metadata").at("name");
  body["namespace"] = ns;
  body["replicas"] = member_or_null(member_or_null(*object, "spec"), "replicas");
  body["ready_replicas"] = status.is_object() ? status.value("readyReplicas", 0) : 0;
  body["available_replicas"] = status.is_object() ? status.value("availableReplicas", 0) : 0;
  body["conditions"] = Json::array();
  for (const Json& condition : member_or_null(status, "conditions")) {
    body["conditions"].push_back({{"type", member_or_null(condition, "type")},
                                  {"status", member_or_null(condition, "status")},
                                  {"reason", member_or_null(condition, "reason")}});
  }
  return admin_answer(200, body);
}

Result<http::Response> ProvisioningApi::pipeline(AdminCall& call) const {
  if (auto refusal = call.about(call.path.at("org_id"), call.path.at("team_node_id")))
    return *std::move(refusal);
  if (!cache_.synced()) return unavailable({ErrorCode::Unavailable, "not listed yet"}, call.ctx.id);
  const TeamResourcePointer resource = cache_.find(call.subject);
  const Json none{{"configured", false}};
  if (!resource) return admin_answer(200, none);
  const std::string& ns = resource->meta.key.ns;
  const auto object =
      live(call.ctx, kube::kCronJobs, ns, inventory_name(*resource, "CronJob", "ai-pipeline-"));
  if (!object) return unavailable(object.error(), call.ctx.id);
  if (object->is_null()) return admin_answer(200, none);
  const Json& spec = object->at("spec");
  const Json status = member_or_null(*object, "status");
  return admin_answer(200, {{"configured", true},
                            {"name", object->at("metadata").at("name")},
                            {"namespace", ns},
                            {"schedule", spec.at("schedule")},
                            {"suspended", spec.value("suspend", false)},
                            {"last_schedule_time", member_or_null(status, "lastScheduleTime")},
                            {"active_jobs", member_or_null(status, "active").size()}});
}

}  // namespace tp::gateway
