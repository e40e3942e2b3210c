#include "provisioner/reconcile/news.h"

#include <string>
#include <vector>

#include "base/time.h"
#include "support/catch.h"

namespace tp::provisioner {
namespace {

using namespace std::chrono_literals;
using kube::Conditions;
using kube::ConditionStatus;

const WallTime kSince = *parse_rfc3339("2026-01-01T00:00:00Z");
const Conditions kNone;

kube::Condition condition(const std::string& type,
                          ConditionStatus status,
                          const std::string& reason,
                          const std::string& message = "some text") {
  return {type, status, reason, message, 1, "2026-01-01T00:00:00Z"};
}

Conditions ready() { return {condition("Ready", ConditionStatus::True, "Provisioned")}; }

Conditions stalled(const std::string& reason, const std::string& message = "some text") {
  return {condition("Ready", ConditionStatus::False, reason, message),
          condition("Stalled", ConditionStatus::True, reason, message)};
}

Conditions waiting(const std::string& reason) {
  return {condition("Ready", ConditionStatus::False, reason),
          condition("Reconciling", ConditionStatus::True, reason)};
}

using News = std::vector<Announcement>;

News of(const Conditions& before, const Conditions& after, WallTime now = kSince) {
  return news_of(before, after, {}, {}, now);
}

TEST_CASE("news: a team that becomes Ready", "[news]") {
  const News expected{{false, "Provisioned", "some text"}};
  CHECK(of(kNone, ready()) == expected);
  CHECK(of(waiting("Progressing"), ready()) == expected);
  CHECK(of(stalled("Conflict"), ready()) == expected);
  CHECK(of(ready(), ready()).empty());
}

TEST_CASE("news: progress is none", "[news]") {
  const std::string reason = GENERATE("Progressing", "Terminating", "Withdrawing", "Pending", "Retrying");
  CHECK(of(kNone, waiting(reason)).empty());
  CHECK(of(ready(), waiting(reason)).empty());
  CHECK(of(waiting("Progressing"), waiting(reason)).empty());
}

TEST_CASE("news: what somebody must act on", "[news]") {
  const News expected{{true, "Conflict", "some text"}};
  CHECK(of(kNone, stalled("Conflict")) == expected);
  CHECK(of(ready(), stalled("Conflict")) == expected);
  CHECK(of(waiting("Progressing"), stalled("Conflict")) == expected);
  CHECK(of(stalled("Rejected"), stalled("Conflict")) == expected);
  CHECK(of(stalled("Conflict", "another text"), stalled("Conflict")) == expected);
  CHECK(of(ready(), waiting("NotPermitted")) == News{{true, "NotPermitted", "some text"}});
  CHECK(of(ready(), waiting("PendingApproval")) == News{{true, "PendingApproval", "some text"}});
}

TEST_CASE("news: the same trouble again is told only by who has tried again", "[news]") {
  const Conditions same = stalled("Conflict");
  const News expected{{true, "Conflict", "some text"}};
  CHECK(of(same, same).empty());
  CHECK(news_of(same, same, {.writes = 1}, {}, kSince) == expected);
  CHECK(news_of(same, same, {.errors = {{ErrorCode::Unavailable, "503"}}}, {}, kSince) == expected);
  CHECK(news_of(same, same, {}, {.error = Error{ErrorCode::Unavailable, "503"}}, kSince) == expected);
  CHECK(news_of(same, same, {}, {.writes = 1}, kSince) == expected);
  // A status that differs in its times only.
  Conditions later = same;
  for (auto& each : later) each.last_transition_time = "2026-01-02T00:00:00Z";
  CHECK(of(same, later).empty());
}

TEST_CASE("news: trouble that may pass is told when it does not", "[news]") {
  const std::string reason = GENERATE("Retrying", "DependencyUnavailable");
  const Conditions same = waiting(reason);
  const Outcome tried{.errors = {{ErrorCode::Unavailable, "503"}}};
  CHECK(news_of(same, same, tried, {}, kSince + 5min - 1s).empty());
  CHECK(news_of(same, same, tried, {}, kSince + 5min) == News{{true, reason, "some text"}});
  CHECK(news_of(same, same, {}, {}, kSince + 5min).empty());
}

TEST_CASE("news: a fight, what is taken over, and what the steps tell", "[news]") {
  Conditions fought = ready();
  fought.push_back(condition("Responsive", ConditionStatus::False, "Fight"));
  CHECK(of(ready(), fought) == News{{true, "Fight", "some text"}});
  CHECK(of(fought, fought).empty());
  CHECK(of(fought, ready()).empty());

  const Outcome outcome{.adopted = {"Deployment a/b", "Service a/c"}};
  const Announcement told{false, "ConfigKeysReleased", "x"};
  CHECK(news_of(ready(), ready(), outcome, {.announcements = {told}}, kSince) ==
        News{told, {false, "Adopted", "took over what was there before: Deployment a/b, Service a/c"}});
}

TEST_CASE("news: an Event names its team", "[news]") {
  Team team;
  team.meta.key = {"incidentfox", "checkout"};
  team.meta.uid = "uid-1";
  team.meta.resource_version = "7";
  const kube::Event event = event_about(team, {true, "Conflict", "some text"});
  CHECK(event.regarding.type == domain::kTeamProvisionings);
  CHECK(event.regarding.key == team.meta.key);
  CHECK(event.regarding.uid == "uid-1");
  CHECK(event.regarding.resource_version == "7");
  CHECK(event.warning);
  CHECK(event.action == "Reconcile");
  CHECK(event.reason == "Conflict");
  CHECK(event.note == "some text");
}

}  // namespace
}  // namespace tp::provisioner
