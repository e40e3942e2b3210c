// Reads requests, a JSON object a line, and prints the verdict of each:
//   {"scheme": "slack", "headers": [["X-Slack-Signature", "v0=…"], …], "body": base64, "now": seconds,
//   "secrets": ["…"]}
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "gateway/signatures/scheme.h"

namespace {

using namespace tp;           // NOLINT(google-build-using-namespace)
using namespace tp::gateway;  // NOLINT(google-build-using-namespace)

std::string_view verdict(const nlohmann::json& request) {
  static const std::map<std::string, const Scheme*> kSchemes{
      {"slack", &slack_v0()},      {"github", &github_sha256()},       {"pagerduty", &pagerduty_v1()},
      {"circleback", &bare_hex()}, {"standard", &standard_webhooks()}, {"generic", &generic_hmac()}};
  http::Headers headers;
  for (const auto& [name, value] :
       request.at("headers").get<std::vector<std::pair<std::string, std::string>>>()) {
    headers.add(name, value);
  }
  std::vector<crypto::Secret> secrets;
  for (const auto& secret : request.at("secrets")) secrets.emplace_back(secret.get<std::string>());
  const auto body = crypto::from_base64(request.at("body").get<std::string>());
  if (!body) throw std::invalid_argument{"body is not base64"};
  const WallTime now{std::chrono::seconds{request.at("now").get<std::int64_t>()}};
  const Scheme& scheme = *kSchemes.at(request.at("scheme").get<std::string>());
  return to_string(scheme.verify({.headers = headers, .body = *body, .now = now}, secrets).verdict);
}

}  // namespace

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);)
      std::cout << verdict(nlohmann::json::parse(line)) << "\n";
  } catch (const std::exception& e) {
    std::cerr << "verify_signatures: " << e.what() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
