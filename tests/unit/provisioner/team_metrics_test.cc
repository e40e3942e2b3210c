#include "provisioner/app/team_metrics.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using kube::ConditionStatus;

Team with_condition(Team team, const std::string& type, ConditionStatus status, std::int64_t observed = 1) {
  team.status.observed_generation = observed;
  team.status.conditions.push_back({.type = type, .status = status, .reason = "Because", .message = ""});
  return team;
}

Team ready(Team team) { return with_condition(std::move(team), "Ready", ConditionStatus::True); }

TEST_CASE("team metrics: each team is in one state, the first that applies", "[metrics]") {
  const Team plain = test::a_team();
  CHECK(state_of(plain) == TeamState::InProgress);
  CHECK(state_of(ready(plain)) == TeamState::Ready);
  CHECK(state_of(with_condition(plain, "Ready", ConditionStatus::False)) == TeamState::InProgress);

  Team changed = ready(plain);
  changed.meta.generation = 2;
  CHECK(state_of(changed) == TeamState::InProgress);

  Team team = with_condition(plain, "Stalled", ConditionStatus::True);
  CHECK(state_of(team) == TeamState::Stalled);
  team.paused = true;
  CHECK(state_of(team) == TeamState::Suspended);
  team.meta.deleting = true;
  CHECK(state_of(team) == TeamState::Deleting);
  Team suspended = ready(plain);
  suspended.spec.suspend = true;
  CHECK(state_of(suspended) == TeamState::Suspended);
}

TEST_CASE("team metrics: every state has a count, even of nothing", "[metrics]") {
  const auto counts = [](const std::vector<TeamPointer>& teams) {
    std::map<std::string, double> result;
    for (const auto& metric : team_counts(teams).metric)
      result[metric.label.front().name + "=" + metric.label.front().value] = metric.gauge.value;
    return result;
  };
  using Counts = std::map<std::string, double>;
  Counts expected{{"state=deleting", 0},
                  {"state=suspended", 0},
                  {"state=stalled", 0},
                  {"state=ready", 0},
                  {"state=in_progress", 0}};
  CHECK(counts({}) == expected);
  expected["state=ready"] = 1;
  expected["state=in_progress"] = 1;
  CHECK(counts({test::share(ready(test::a_team())), test::share(test::a_team("acme", "search"))}) ==
        expected);
}

TEST_CASE("team metrics: how far each team has followed the default release", "[metrics]") {
  using domain::ReleasePhase;
  const auto team = [](domain::ReleaseStatus status) {
    Team made = test::a_team();
    made.status.release = std::make_shared<const domain::ReleaseStatus>(std::move(status));
    return made;
  };
  CHECK(following_of(team({.active = "v2"}), "v2") == Following::Current);
  CHECK(following_of(team({.active = "v2", .phase = ReleasePhase::Progressing}), "v2") ==
        Following::Progressing);
  CHECK(following_of(team({.active = "v1"}), "v2") == Following::Waiting);
  CHECK(following_of(team({.active = "v1", .phase = ReleasePhase::Progressing}), "v2") == Following::Waiting);
  const domain::ReleaseStatus put_back{.active = "v1", .phase = ReleasePhase::RolledBack, .failed = "v2"};
  CHECK(following_of(team(put_back), "v2") == Following::Failed);
  CHECK(following_of(team(put_back), "v3") == Following::Waiting);
  CHECK(following_of(team(put_back), "v1") == Following::Current);
  CHECK(following_of(test::a_team(), "") == Following::Current);

  Team named = team(put_back), going = team(put_back);
  named.spec.release = "v2";
  going.meta.deleting = true;
  const std::vector<TeamPointer> teams{test::share(std::move(named)), test::share(std::move(going)),
                                       test::share(team(put_back)), test::share(team({.active = "v2"}))};
  std::map<std::string, double> counts;
  for (const auto& metric : default_release_counts(teams, "v2").metric)
    counts[metric.label.front().value] = metric.gauge.value;
  CHECK(counts ==
        std::map<std::string, double>{{"current", 1}, {"progressing", 0}, {"waiting", 0}, {"failed", 1}});
}

TEST_CASE("team metrics: a team has its series, and the comparison where it is known", "[metrics]") {
  Team other = with_condition(test::a_team("acme", "search"), "Stalled", ConditionStatus::True);
  other.paused = true;
  const ComparedAgo compared = [](const kube::ObjectKey& key) -> std::optional<std::chrono::nanoseconds> {
    if (key.name == "search") return std::nullopt;
    return std::chrono::milliseconds{90'500};
  };
  const std::string text =
      text_of_each({test::share(std::move(other)), test::share(ready(test::a_team()))}, compared);
  const std::string first =
      R"({name="checkout",namespace="incidentfox",org_id="acme",team_node_id="checkout"} )";
  const std::string second =
      R"({name="search",namespace="incidentfox",org_id="acme",team_node_id="search"} )";
  CHECK(text ==
        "# HELP teamprovisioning_drift_seconds How long ago what the team has in the Config Service was "
        "last compared.\n# TYPE teamprovisioning_drift_seconds gauge\n"
        "teamprovisioning_drift_seconds" +
            first + "90.5\n" +
            "# HELP teamprovisioning_ready 1 when the team is as its present spec asks.\n"
            "# TYPE teamprovisioning_ready gauge\n"
            "teamprovisioning_ready" +
            first + "1\nteamprovisioning_ready" + second + "0\n" +
            "# HELP teamprovisioning_stalled 1 when somebody has to act before it goes on.\n"
            "# TYPE teamprovisioning_stalled gauge\n"
            "teamprovisioning_stalled" +
            first + "0\nteamprovisioning_stalled" + second + "1\n" +
            "# HELP teamprovisioning_suspended 1 when the team is left alone on request.\n"
            "# TYPE teamprovisioning_suspended gauge\n"
            "teamprovisioning_suspended" +
            first + "0\nteamprovisioning_suspended" + second + "1\n");
}

}  // namespace
}  // namespace tp::provisioner
