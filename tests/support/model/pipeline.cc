#include "support/model/pipeline.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

http::Response in_json(int status, const Json& body) {
  return {status, {{"Content-Type", "application/json"}}, body.dump()};
}

}  // namespace

Json ModelPipeline::canonical() const {
  Json result = Json::object();
  for (const auto& [key, bootstrap] : bootstraps_) result[key.first].push_back(bootstrap.body);
  return result;
}

http::Response ModelPipeline::answer(const http::Request& request, const Fault& /*fault*/) {
  // /api/v1/teams/TEAM/bootstrap
  const std::vector<std::string> path = path_of(request);
  if (path.size() != 5 || path[4] != "bootstrap" || request.method != http::Method::Post) {
    return in_json(404, {{"detail", "Not Found"}});
  }
  const Key key{path[3], std::string{request.headers.find("Idempotency-Key").value_or("")}};
  const Json body = request.body.empty() ? Json{} : Json::parse(request.body);
  if (key.second.empty()) violations_.push_back("a bootstrap without a key: it cannot be repeated");
  const auto [it, fresh] =
      bootstraps_.try_emplace(key, Bootstrap{"run-" + std::to_string(bootstraps_.size() + 1), body});
  if (!fresh && it->second.body != body) {
    violations_.push_back("another body for the key of an earlier bootstrap");
    return in_json(409, {{"detail", "Idempotency-Key reused with another body"}});
  }
  return in_json(200, {{"run_id", it->second.run_id}, {"status", "queued"}});
}

}  // namespace tp::test
