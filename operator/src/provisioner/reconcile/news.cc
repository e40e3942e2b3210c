#include "provisioner/reconcile/news.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tp::provisioner {
namespace {

using kube::Condition;
using kube::Conditions;
using kube::ConditionStatus;

constexpr std::array<std::string_view, 2> kWaitsForSomebody{"NotPermitted", "PendingApproval"};
constexpr std::array<std::string_view, 2> kMayPass{"Retrying", "DependencyUnavailable"};
constexpr std::chrono::minutes kPatience{5};

bool is_one_of(const auto& reasons, std::string_view reason) {
  return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
}

bool is_trouble(const Conditions& conditions, const Condition& ready, WallTime now) {
  const Condition* stalled = kube::find_condition(conditions, "Stalled");
  if (stalled != nullptr && stalled->status == ConditionStatus::True) return true;
  if (is_one_of(kWaitsForSomebody, ready.reason)) return true;
  if (!is_one_of(kMayPass, ready.reason)) return false;
  const auto since = parse_rfc3339(ready.last_transition_time);
  return since && now - *since >= kPatience;
}

bool says_the_same(const Condition* before, const Condition& after) {
  return before != nullptr && before->status == after.status && before->reason == after.reason &&
         before->message == after.message;
}

std::optional<Announcement> news_of_readiness(const Conditions& before,
                                              const Conditions& after,
                                              bool tried,
                                              WallTime now) {
  const Condition* ready = kube::find_condition(after, "Ready");
  if (ready == nullptr) return std::nullopt;
  const Condition* was = kube::find_condition(before, "Ready");
  if (ready->status == ConditionStatus::True) {
    if (was != nullptr && was->status == ConditionStatus::True) return std::nullopt;
    return Announcement{false, ready->reason, ready->message};
  }
  if (!is_trouble(after, *ready, now) || (!tried && says_the_same(was, *ready))) return std::nullopt;
  return Announcement{true, ready->reason, ready->message};
}

std::optional<Announcement> news_of_a_fight(const Conditions& before, const Conditions& after) {
  const Condition* fight = kube::find_condition(after, "Responsive");
  if (fight == nullptr || fight->status != ConditionStatus::False) return std::nullopt;
  const Condition* was = kube::find_condition(before, "Responsive");
  if (was != nullptr && was->status == ConditionStatus::False) return std::nullopt;
  return Announcement{true, fight->reason, fight->message};
}

}  // namespace

std::vector<Announcement> news_of(const Conditions& before,
                                  const Conditions& after,
                                  const Outcome& outcome,
                                  const PlatformReport& report,
                                  WallTime now) {
  std::vector<Announcement> news = report.announcements;
  if (!outcome.adopted.empty()) {
    std::string note = "took over what was there before:";
    for (const std::string& child : outcome.adopted) note += (note.back() == ':' ? " " : ", ") + child;
    news.push_back({false, "Adopted", std::move(note)});
  }
  if (auto fight = news_of_a_fight(before, after)) news.push_back(*std::move(fight));
  const bool tried = outcome.writes + report.writes > 0 || !outcome.errors.empty() || report.error;
  if (auto readiness = news_of_readiness(before, after, tried, now)) news.push_back(*std::move(readiness));
  return news;
}

kube::Event event_about(const Team& team, const Announcement& news) {
  return {.regarding = {domain::kTeamProvisionings, team.meta.key, team.meta.uid, team.meta.resource_version},
          .warning = news.warning,
          .action = "Reconcile",
          .reason = news.reason,
          .note = news.note};
}

}  // namespace tp::provisioner
