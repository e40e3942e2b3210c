#include "platform/pipeline.h"

#include <chrono>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace tp::platform {
namespace {

using nlohmann::json;

constexpr std::string_view kName = "AI pipeline";

// The first of these members that is a text, else "".
std::string text(const json& answer, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!answer.is_object()) break;
    const auto it = answer.find(name);
    if (it != answer.end() && it->is_string()) return it->get<std::string>();
  }
  return {};
}

Result<std::string> target(const std::string& team, std::string_view what) {
  TP_ASSIGN_OR_RETURN(const std::string segment, path_segment(team));
  return "/api/v1/teams/" + segment + std::string{what};
}

}  // namespace

PipelineClient::PipelineClient(http::HttpClient& client,
                               http::TokenSource& token,
                               const Clock& clock,
                               CallObserver observer)
    : quick_(std::string{kName}, client, clock, std::chrono::seconds{10}, observer),
      patient_(std::string{kName}, client, clock, std::chrono::seconds{30}, std::move(observer)),
      token_(token) {}

Result<json> PipelineClient::call(const Context& ctx,
                                  const Remote& remote,
                                  http::Request request,
                                  const std::string& key) const {
  request.headers.set("Idempotency-Key", key);
  return remote.call_as(ctx, std::move(request), token_, "its token");
}

Status PipelineClient::reach(const Context& ctx) const {
  TP_TRY(quick_.exchange(ctx, {http::Method::Get, "/health", {}, ""}));
  return ok();
}

Result<PipelineClient::Bootstrap> PipelineClient::bootstrap(const Context& ctx,
                                                            const std::string& team,
                                                            const std::string& key,
                                                            const json& body) const {
  TP_ASSIGN_OR_RETURN(const std::string path, target(team, "/bootstrap"));
  http::Request request = body.is_null() ? http::Request{http::Method::Post, path, {}, ""}
                                         : json_request(http::Method::Post, path, body);
  TP_ASSIGN_OR_RETURN(const json answer, call(ctx, quick_, std::move(request), key));
  return Bootstrap{text(answer, {"run_id"}), text(answer, {"namespace"})};
}

Result<std::string> PipelineClient::trigger(const Context& ctx,
                                            const std::string& org,
                                            const std::string& team,
                                            const std::string& key) const {
  TP_ASSIGN_OR_RETURN(const std::string path, target(team, "/run"));
  TP_ASSIGN_OR_RETURN(
      const json answer,
      call(ctx, patient_, json_request(http::Method::Post, path, {{"org_id", org}, {"team_id", team}}), key));
  return text(answer, {"job_name", "run_id"});
}

}  // namespace tp::platform
