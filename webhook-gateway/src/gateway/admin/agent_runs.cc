#include "gateway/admin/agent_runs.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "gateway/admin/fields.h"
#include "gateway/inbox/event_id.h"
#include "gateway/platform/outcome.h"
#include "json/parse.h"
#include "platform/remote.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kLongestRun = 3600;  // seconds
constexpr std::int64_t kMostTurns = 1000;
constexpr std::size_t kSummary = 200;
constexpr std::size_t kRecords = 10'000;

Json schema_of_request() {
  return schema::object({{"org_id", schema::text(1, 64)},
                         {"team_node_id", schema::text(1, 128)},
                         {"agent_name", schema::text(1, 64)},
                         {"message", schema::text(1, 20'000)}},
                        {{"context", schema::or_null(schema::any_object())},
                         {"timeout", schema::or_null(schema::integer(1, kLongestRun))},
                         {"max_turns", schema::or_null(schema::integer(1, kMostTurns))}});
}

// What the record of a run says of its answer.
std::string summary_of(const Json& answer) {
  if (!answer.is_object()) return {};
  const auto output = answer.find("output");
  if (output == answer.end()) return {};
  std::string summary;
  for (const char* name : {"summary", "root_cause"}) {
    if (!output->is_object() || !summary.empty()) break;
    const auto it = output->find(name);
    if (it != output->end() && it->is_string()) summary = it->get<std::string>();
  }
  if (output->is_string()) summary = output->get<std::string>();
  if (summary.size() > kSummary) summary = summary.substr(0, kSummary) + "...";
  return summary;
}

// Of what the Config Service did not say; the caller is told no more than that.
http::Response upstream_refusal(const Error& error) {
  return admin_refusal(502, error.code == ErrorCode::DataLoss ? "config_service_impersonation_token_missing"
                                                              : "config_service_unavailable");
}

}  // namespace

// One that was let in counts for as long as it is known.
struct AgentRunsApi::Run {
  explicit Run(std::atomic<std::size_t>& count) : in_flight(count) { ++in_flight; }
  ~Run() { --in_flight; }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::atomic<std::size_t>& in_flight;
  AgentRun request{};
  TeamRef team{};
  TraceId trace{};  // the call's
  AdminReply reply{};
  bool fresh_token = false;
  bool recorded = false;
  SteadyTime started_at{};
};

AgentRunsApi::AgentRunsApi(Settings settings,
                           AgentClients::Make make_client,
                           Directory& directory,
                           const ConfigService& service,
                           postgres::Pool& pool,
                           const Clock& clock,
                           Rng& rng,
                           log::Logger log)
    : settings_(std::move(settings)),
      directory_(directory),
      service_(service),
      runtimes_(pool),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)),
      records_("run-records", seconds{10}, kRecords, clock),
      clients_(std::move(make_client)) {}

AdminRoutes AgentRunsApi::routes() {
  return {{.method = http::Method::Post,
           .path = "/api/v1/admin/agents/run",
           .access = Permission::AgentRun,
           .action = "agents.run",
           .operation = {.summary = "Run an agent for a team, and wait for what it says.",
                         .body = schema_of_request(),
                         .answers = {{200, "What the agent answered, as it came; the run may have failed.",
                                      schema::object({{"team_node_id", schema::text()},
                                                      {"agent_name", schema::text()},
                                                      {"agent_result", Json::object()}})},
                                     {422, "The body is not valid.", schema::invalid()}}},
           .handle_later = [this](const std::shared_ptr<AdminCall>& call,
                                  const AdminReply& reply) { run(call, reply); },
           .answer_within = seconds{kLongestRun + 120}}};
}

void AgentRunsApi::run(const std::shared_ptr<AdminCall>& call, const AdminReply& reply) {
  Fields fields{call->request.body};
  const auto run = std::make_shared<Run>(in_flight_);
  run->reply = reply;
  run->trace = call->ctx.trace;
  run->team.org_id = fields.text("org_id", {1, 64});
  run->team.team_node_id = fields.text("team_node_id", {1, 128});
  run->request = {.event_id = new_event_id(clock_.wall_now(), rng_),
                  .team_token = {},
                  .agent_name = fields.text("agent_name", {1, 64}),
                  .message = fields.text("message", {1, 20'000}),
                  .context = fields.object("context"),
                  .trigger_source = "api"};
  if (const auto timeout = fields.integer_or_none("timeout", {1, kLongestRun}))
    run->request.timeout = seconds{*timeout};
  if (const auto turns = fields.integer_or_none("max_turns", {1, kMostTurns}))
    run->request.max_turns = static_cast<int>(*turns);
  if (!fields.refusal() && !platform::path_segment(run->request.agent_name))
    fields.wrong("agent_name", "it cannot be a part of a path");
  if (auto refusal = fields.refusal()) return reply(*std::move(refusal));
  if (auto refusal = call->about(run->team.org_id, run->team.team_node_id)) return reply(*std::move(refusal));
  call->target = "agent " + run->request.agent_name;
  if (in_flight_ > settings_.in_flight) {
    http::Response busy = admin_refusal(503, "too_many_runs");
    busy.headers.add("Retry-After", "30");
    return reply(std::move(busy));
  }

  const auto context = directory_.context(call->ctx, run->team);
  if (!context) return reply(upstream_refusal(context.error()));
  auto token = directory_.token(call->ctx, run->team);
  if (!token) return reply(upstream_refusal(token.error()));
  const auto runtime = runtimes_.find(call->ctx, run->team.org_id, run->team.team_node_id);
  if (!runtime) return reply(runtime.error());
  const AgentBase base = choose_base_url(
      (*context)->dedicated_url,
      *runtime ? std::optional{TeamRuntime{(*runtime)->service_url, (*runtime)->ready}} : std::nullopt,
      settings_.urls);
  const auto client = clients_.of(base.url);
  if (!client) {
    log_.error("no client for an agent", {{"request_id", call->ctx.id}, {"error", client.error()}});
    return reply(admin_refusal(502, "agent_upstream_error: its address is not valid"));
  }

  run->fresh_token = token->fresh;
  run->request.team_token = std::move(token->token);
  auto agent = agent_call(settings_.agent, run->request);
  if (!agent) return reply(agent.error());
  const std::string& id = run->request.event_id.str();
  const Status recorded = service_.record_run(call->ctx, {.run_id = id,
                                                          .team = run->team,
                                                          .correlation_id = id,
                                                          .agent_name = run->request.agent_name,
                                                          .trigger_source = run->request.trigger_source,
                                                          .trigger_message = run->request.message});
  if (!recorded) log_.warn("a run could not be recorded", {{"run", id}, {"error", recorded.error()}});
  run->recorded = recorded.has_value();
  log_.info("run started", {{"request_id", call->ctx.id},
                            {"trace_id", run->trace.str()},
                            {"run", id},
                            {"org", run->team.org_id},
                            {"team", run->team.team_node_id},
                            {"agent", run->request.agent_name},
                            {"at", base.reason}});
  run->started_at = clock_.now();
  (*client)->start(Context{{}, run->started_at + agent->wait, id, run->trace}, std::move(agent->request),
                   [this, run](const http::Exchange& exchange) { finish(*run, exchange); });
}

void AgentRunsApi::finish(const Run& run, const http::Exchange& exchange) {
  const Outcome outcome = classify(exchange, run.fresh_token);
  if (outcome.kind == OutcomeKind::RefusedToken) directory_.forget_token(run.team);
  RunEnd end{.success = outcome.success,
             .duration = std::chrono::duration_cast<milliseconds>(clock_.now() - run.started_at)};
  auto answer = outcome.kind == OutcomeKind::Finished ? json::parse(exchange.result->body)
                                                      : Error{ErrorCode::Unavailable, outcome.reason()};
  if (answer) {
    end.summary = summary_of(*answer);
    run.reply(admin_answer(200, {{"team_node_id", run.team.team_node_id},
                                 {"agent_name", run.request.agent_name},
                                 {"agent_result", *answer}}));
    end.output = *std::move(answer);
  } else {
    const bool finished = outcome.kind == OutcomeKind::Finished;
    end.error = finished ? "its answer is not JSON" : answer.error().message;
    run.reply(admin_refusal(502, "agent_upstream_error: " + end.error));
  }
  log_.info("run ended", {{"run", run.request.event_id.str()},
                          {"trace_id", run.trace.str()},
                          {"outcome", outcome.reason()},
                          {"took_ms", end.duration.count()}});
  if (run.recorded) record_end(run, std::move(end));
}

void AgentRunsApi::record_end(const Run& run, RunEnd end) {
  const std::string id = run.request.event_id.str();
  const bool kept = records_.add([this, id, trace = run.trace, end = std::move(end)](Context ctx) {
    ctx.trace = trace;
    if (const Status recorded = service_.end_run(ctx, id, end); !recorded)
      log_.warn("a run's end could not be recorded", {{"run", id}, {"error", recorded.error()}});
  });
  if (!kept) log_.warn("too many runs end at once: one is not recorded", {{"run", id}});
}

}  // namespace tp::gateway
