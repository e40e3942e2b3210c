#include "gateway/inbox/audit.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <set>
#include <string>

#include "api.h"

// Who did what, and the document that says what can be done.
namespace tp::gateway::test {
namespace {

using Json = nlohmann::json;

std::vector<std::string> targets(const Answer& answer) {
  std::vector<std::string> out;
  for (const Json& entry : answer.body.at("entries")) out.push_back(entry.at("target"));
  return out;
}

TEST_CASE("the audit is searched by team, actor, action and time, page by page") {
  Fixture f;
  Api api{f};
  const auto add = [&](const std::string& org, const std::string& team, const std::string& target) {
    must(audit(f.ctx(), f.pool(),
               {.actor = org + "@x",
                .org_id = org,
                .team_node_id = team,
                .action = "a." + team,
                .target = target,
                .result = "succeeded",
                .request_id = "r"}));
  };
  add("o1", "t", "1");
  add("o1", "u", "2");
  add("o2", "t", "3");
  using Targets = std::vector<std::string>;
  CHECK(targets(api.get("/audit")) == Targets{"3", "2", "1"});
  CHECK(targets(api.get("/audit?org_id=o1&team_node_id=t")) == Targets{"1"});
  CHECK(targets(api.get("/audit?actor=o2@x")) == Targets{"3"});
  CHECK(targets(api.get("/audit?action=a.u")) == Targets{"2"});
  CHECK(targets(api.get("/audit?to=2026-01-01T00:00:00Z")).empty());
  CHECK(targets(api.get("/audit?from=2026-01-01T00:00:00Z")).size() == 3);

  const Answer first = api.get("/audit?limit=2");
  CHECK(targets(first) == Targets{"3", "2"});
  const Answer second = api.get("/audit?limit=2&cursor=" + first.body.at("next_cursor").get<std::string>());
  CHECK(targets(second) == Targets{"1"});
  CHECK(second.body.at("next_cursor").is_null());
  const Json entry = second.body.at("entries").at(0);
  CHECK(entry.at("actor") == "o1@x");
  CHECK(entry.at("result") == "succeeded");
  CHECK(entry.at("request_id") == "r");

  CHECK(targets(api.get("/audit", "o1")) == Targets{"2", "1"});
  CHECK(targets(api.get("/audit?org_id=o2", "o1")).empty());
  CHECK(api.get("/audit?limit=0").status == 400);
  CHECK(api.get("/audit?cursor=x").status == 400);
}

TEST_CASE("who is refused is in the audit, and who is nobody is not") {
  Fixture f;
  Api api{f};
  CHECK(api.get("/events", "nobody").status == 401);
  CHECK(f.db.count("orchestrator.admin_audit") == 0);
  api.permissions = {"admin:controls"};
  CHECK(api.get("/events", "o1").status == 403);
  CHECK(f.db.value("SELECT concat_ws(',', actor, org_id, action, result) FROM orchestrator.admin_audit") ==
        "o1@example.com,o1,events.list,403");
  api.role = "team";
  CHECK(api.call("PUT", "/controls", "o2", "{}").detail() == "Insufficient permissions");
  CHECK(f.db.count("orchestrator.admin_audit WHERE org_id = 'o2' AND result = '403'") == 1);
}

TEST_CASE("the OpenAPI document has every route, and nothing else") {
  Fixture f;
  Api api{f};
  const Answer answer = api.get("/openapi.json", "");
  CHECK(answer.status == 200);
  CHECK(answer.body.at("openapi") == "3.1.0");
  std::set<std::string> documented;
  for (const auto& [path, methods] : answer.body.at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) documented.insert(method + " " + path);
  }
  std::set<std::string> names;
  std::set<std::string> served;
  for (const AdminRoute& route : api.routes) {
    std::string method{http::to_string(route.method)};
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    served.insert(method + " " + route.path);
    names.insert(route.action);
    // Each name in the path is described.
    CHECK(std::count(route.path.begin(), route.path.end(), '{') ==
          static_cast<std::ptrdiff_t>(route.operation.path.size()));
  }
  CHECK(documented == served);
  CHECK(names.size() == api.routes.size());
}

}  // namespace
}  // namespace tp::gateway::test
