#include "gateway/admin/pipeline.h"

#include <chrono>

#include "gateway/admin/fields.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

Result<http::Response> trigger(AdminCall& call, const platform::PipelineClient* pipeline) {
  Fields fields{call.request.body};
  const std::string org = fields.text("org_id", {1, 64});
  const std::string team = fields.text("team_node_id", {1, 128});
  if (auto refusal = fields.refusal()) return *std::move(refusal);
  if (auto refusal = call.about(org, team)) return *std::move(refusal);
  if (pipeline == nullptr) return admin_refusal(503, "ai_pipeline_not_configured");
  const auto job = pipeline->trigger(call.ctx, org, team, call.ctx.id);
  if (!job)
    return admin_answer(200, {{"ok", false}, {"job_name", nullptr}, {"message", job.error().message}});
  return admin_answer(200, {{"ok", true},
                            {"job_name", job->empty() ? Json{} : Json(*job)},
                            {"message", "The AI pipeline has been started."}});
}

}  // namespace

AdminRoutes pipeline_routes(const platform::PipelineClient* pipeline) {
  return {{.method = http::Method::Post,
           .path = "/api/v1/admin/pipeline/trigger",
           .access = Permission::PipelineTrigger,
           .action = "pipeline.trigger",
           .operation = {.summary = "Start a team's AI pipeline now. The same X-Request-Id starts it once.",
                         .body = schema::object(
                             {{"org_id", schema::text(1, 64)}, {"team_node_id", schema::text(1, 128)}}),
                         .answers = {{200, "Whether it was started; if not, why.",
                                      schema::object({{"ok", schema::boolean()},
                                                      {"job_name", schema::or_null(schema::text())},
                                                      {"message", schema::text()}})},
                                     {422, "The body is not valid.", schema::invalid()}}},
           .handle = [pipeline](AdminCall& call) { return trigger(call, pipeline); },
           .handle_within = std::chrono::seconds{30}}};
}

}  // namespace tp::gateway
