#pragma once

#include <string>
#include <utility>

#include "base/time.h"
#include "gateway/platform/config_service.h"
#include "http/token_source.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/script_http_client.h"

namespace tp::gateway::test {

using tp::test::FakeClock;
using tp::test::ScriptHttpClient;

class AdminToken final : public http::TokenSource {
 public:
  Result<crypto::Secret> token(const Context& /*ctx*/) override { return crypto::Secret{"admin-secret"}; }
  void rejected() noexcept override { ++refusals; }

  int refusals = 0;
};

// A service that answers from a script.
struct Platform {
  FakeClock clock;
  ScriptHttpClient http;
  AdminToken admin;
  ConfigService service{http, admin, clock};
  Context ctx{};

  void answers(std::vector<std::string> target_has,
               std::string body,
               int status = 200,
               http::Headers headers = {}) {
    http.add(std::move(target_has),
             {status, {std::move(body)}, ScriptHttpClient::End::Close, std::move(headers)});
  }
  // A token that expires so long from now, in the service's form.
  void mints(const std::string& token, std::chrono::seconds lives = std::chrono::minutes{15}) {
    std::string expires = to_rfc3339(clock.wall_now() + lives);
    expires.pop_back();  // naive
    answers({"/impersonation-token"}, R"({"token":")" + token + R"(","expires_at":")" + expires + R"("})");
  }
  [[nodiscard]] std::string last_header(std::string_view name) {
    return std::string{http.requests().back().headers.find(name).value_or("")};
  }
};

}  // namespace tp::gateway::test
