#include "provisioner/app/team_metrics.h"

#include <algorithm>
#include <map>
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

const ComparedAgo kNever = [](const kube::ObjectKey&) { return std::nullopt; };

// name{label="value",…} -> value, of all series.
std::map<std::string, double> series(const metrics::Families& families) {
  std::map<std::string, double> result;
  for (const metrics::MetricFamily& family : families) {
    CHECK_FALSE(family.help.empty());
    for (const auto& metric : family.metric) {
      std::string labels;
      for (const auto& label : metric.label)
        labels += (labels.empty() ? "" : ",") + label.name + "=" + label.value;
      result[family.name + "{" + labels + "}"] = metric.gauge.value;
    }
  }
  return result;
}

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
  for (const bool each : {true, false}) {
    const auto found = series(team_families({}, kNever, each));
    CHECK(found == std::map<std::string, double>{{"teamprovisioning_teams{state=deleting}", 0},
                                                 {"teamprovisioning_teams{state=suspended}", 0},
                                                 {"teamprovisioning_teams{state=stalled}", 0},
                                                 {"teamprovisioning_teams{state=ready}", 0},
                                                 {"teamprovisioning_teams{state=in_progress}", 0}});
  }
}

TEST_CASE("team metrics: a team has its series, and the comparison where it is known", "[metrics]") {
  Team other = with_condition(test::a_team("acme", "search"), "Stalled", ConditionStatus::True);
  other.paused = true;
  const std::vector<TeamPointer> teams{test::share(ready(test::a_team())), test::share(std::move(other))};
  const ComparedAgo compared = [](const kube::ObjectKey& key) -> std::optional<std::chrono::nanoseconds> {
    if (key.name == "search") return std::nullopt;
    return std::chrono::seconds{90};
  };
  const std::string first = "{namespace=incidentfox,name=checkout,org_id=acme,team_node_id=checkout}";
  const std::string second = "{namespace=incidentfox,name=search,org_id=acme,team_node_id=search}";
  auto found = series(team_families(teams, compared, true));
  const std::map<std::string, double> expected{
      {"teamprovisioning_ready" + first, 1},         {"teamprovisioning_ready" + second, 0},
      {"teamprovisioning_stalled" + first, 0},       {"teamprovisioning_stalled" + second, 1},
      {"teamprovisioning_suspended" + first, 0},     {"teamprovisioning_suspended" + second, 1},
      {"teamprovisioning_drift_seconds" + first, 90}};
  std::erase_if(found, [](const auto& entry) { return entry.first.starts_with("teamprovisioning_teams"); });
  // The registry sorts labels by name; here they are in the order of the code.
  std::map<std::string, double> sorted;
  for (const auto& [name, value] : found) {
    const bool is_first = name.find("name=checkout") != std::string::npos;
    sorted[name.substr(0, name.find('{')) + (is_first ? first : second)] = value;
  }
  CHECK(sorted == expected);
}

TEST_CASE("team metrics: without those of each team only the counts are left", "[metrics]") {
  const auto found = series(team_families({test::share(ready(test::a_team()))}, kNever, false));
  CHECK(found.size() == 5);
  CHECK(found.at("teamprovisioning_teams{state=ready}") == 1);
}

}  // namespace
}  // namespace tp::provisioner
