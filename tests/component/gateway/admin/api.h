#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "component/gateway/inbox/fixture.h"
#include "gateway/admin/audit.h"
#include "gateway/admin/controls.h"
#include "gateway/admin/events.h"
#include "gateway/admin/frame.h"
#include "gateway/admin/openapi.h"
#include "http_beast/server.h"
#include "support/raw_client.h"

namespace tp::gateway::test {

struct Answer {
  int status = 0;
  std::string head;
  nlohmann::json body;

  // What is wrong, or of a body that is not valid its first field and what is wrong with it.
  [[nodiscard]] std::string detail() const {
    const nlohmann::json& said = body.at("detail");
    if (said.is_string()) return said;
    const nlohmann::json& first = said.at(0);
    return first.at("loc").back().get<std::string>() + ": " + first.at("msg").get<std::string>();
  }
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> ids;
    for (const nlohmann::json& event : body.at("events")) ids.push_back(event.at("provider_id"));
    return ids;
  }
};

// The admin API on loopback, with principals of the test's choice: the token is the org, "*" is of all orgs.
class Api {
 public:
  explicit Api(Fixture& f, const AdminRoutes& more = {})
      : auth_(
            [this](const Context&, const crypto::Secret& token) -> Result<Principal> {
              if (failure) return *failure;
              const std::string org{token.reveal()};
              if (org == "nobody") return Error{ErrorCode::Unauthenticated, "no"};
              return Principal{.role = role,
                               .auth_kind = "oidc",
                               .org_id = org == "*" ? "" : org,
                               .team_node_id = team,
                               .email = org + "@example.com",
                               .can_write = can_write,
                               .permissions = permissions};
            },
            {.cache = std::chrono::milliseconds{0}, .require_star = false},
            clock_),
        frame_(auth_, f.pool(), clock_, rng_, no_log()),
        events_(f.pool()),
        controls_(f.pool(), clock_) {
    for (const AdminRoutes& part : {events_.routes(), controls_.routes(), audit_routes(f.pool()), more})
      routes.insert(routes.end(), part.begin(), part.end());
    http::Routes served = frame_.routes(routes);
    served.push_back(openapi_route(routes));
    server_ = must(http::Server::start("127.0.0.1:0", std::move(served), {}, no_log()));
  }

  Answer call(const std::string& method,
              const std::string& path,
              const std::string& token = "*",
              const std::string& body = {},
              const std::string& headers = {}) {
    tp::test::RawClient client{server_->port()};
    client.send(method + " " + (path.starts_with("/api") || path == "/openapi.json" ? "" : "/api/v1/admin") +
                path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
                (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + headers +
                (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
                body);
    const std::string response = client.read_response();
    const std::size_t end = response.find("\r\n\r\n");
    Answer answer{std::stoi(response.substr(9, 3)), response.substr(0, end), {}};
    answer.body = nlohmann::json::parse(response.substr(end + 4), nullptr, false);
    return answer;
  }
  Answer get(const std::string& path, const std::string& token = "*") { return call("GET", path, token); }

  std::string role = "admin";
  std::string team;
  bool can_write = false;
  std::vector<std::string> permissions{"admin:*"};
  std::optional<Error> failure;
  AdminRoutes routes;

 private:
  SystemClock clock_;
  SystemRng rng_;
  AdminAuth auth_;
  AdminFrame frame_;
  EventsApi events_;
  ControlsApi controls_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace tp::gateway::test
