#include "gateway/admin/sync_cronjobs.h"

#include <optional>
#include <string>

#include "api.h"

// The routes that have a team's schedules read anew.
namespace tp::gateway::test {
namespace {

using Json = nlohmann::json;
using Outcome = CronjobsSync::Outcome;

struct Sync {
  Answer by_admin(const std::string& token = "*") {
    return api.call("POST", "/teams/sync-cronjobs", token, R"({"org_id":"o1","team_node_id":"t"})");
  }
  Answer by_team(const std::string& token = "o1", const std::string& headers = {}) {
    return api.call("POST", "/api/v1/teams/me/sync-cronjobs", token, {}, headers);
  }

  Fixture f;
  std::optional<TeamRef> asked;
  Result<CronjobsSync> outcome = CronjobsSync{};
  Api api{f, sync_cronjobs_routes([this](const Context&, const TeamRef& team, const auto& done) {
            asked = team;
            done(outcome);
          })};
};

TEST_CASE("an administrator hears what CronJobs there are now") {
  Sync s;
  s.outcome = CronjobsSync{.ai_pipeline = {{"name", "ai-pipeline-o1-t"}, {"schedule", "0 2 * * *"}}};
  const Answer said = s.by_admin();
  CHECK(said.status == 200);
  CHECK(said.body == Json{{"ok", true},
                          {"ai_pipeline", {{"name", "ai-pipeline-o1-t"}, {"schedule", "0 2 * * *"}}},
                          {"dependency_discovery", {{"skipped", true}, {"reason", "not_found"}}},
                          {"message", "CronJobs synced"}});
  CHECK(s.asked == TeamRef{"o1", "t"});
  CHECK(s.by_admin("o2").status == 403);
}

TEST_CASE("what cannot be done is said in the former service's keys") {
  Sync s;
  const auto said = [&](CronjobsSync outcome) {
    s.outcome = std::move(outcome);
    return s.by_admin();
  };
  const Answer owned = said({.outcome = Outcome::SpecOwned});
  CHECK(owned.status == 200);
  CHECK(owned.body == Json{{"ok", false},
                           {"ai_pipeline", nullptr},
                           {"dependency_discovery", nullptr},
                           {"message", "spec_owned"}});
  CHECK(said({.outcome = Outcome::Asked}).body.at("ok") == false);
  CHECK(said({.outcome = Outcome::Failed, .error = "no quota"}).body.at("message") == "Errors: no quota");
  CHECK(said({.outcome = Outcome::NoTeam}).status == 404);
  s.outcome = Error{ErrorCode::Unavailable, "https://10.0.0.1:6443 is away"};
  const Answer away = s.by_admin();
  CHECK(away.status == 503);
  CHECK(away.detail() == "kubernetes_not_available");
}

TEST_CASE("a team syncs itself with a token that can write, and nobody else") {
  Sync s;
  s.api.role = "team";
  CHECK(s.by_team().detail() == "Cannot determine org_id/team_node_id");
  s.api.team = "t";
  CHECK(s.by_team().detail() == "Insufficient permissions");
  CHECK_FALSE(s.asked);
  s.api.can_write = true;
  CHECK(s.by_team().status == 200);
  CHECK(s.asked == TeamRef{"o1", "t"});
  CHECK(s.by_team("", "X-IncidentFox-Team-Token: o1\r\n").status == 200);
  CHECK(s.by_team("").detail() == "Missing team token");
  CHECK(s.by_team("nobody").detail() == "Invalid team token");
  CHECK(s.by_admin("o1").status == 403);
  CHECK(
      s.f.db.count("orchestrator.admin_audit WHERE action = 'teams.me.sync-cronjobs' AND team_node_id = 't' "
                   "AND result = '200'") == 2);
}

}  // namespace
}  // namespace tp::gateway::test
