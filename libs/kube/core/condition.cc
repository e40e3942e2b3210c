#include "kube/core/condition.h"

#include <algorithm>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "kube/core/text.h"

namespace tp::kube {
namespace {

constexpr std::size_t kMaxMessage = 32'768;  // maxLength of metav1.Condition.message

ConditionStatus parse_status(std::string_view text) noexcept {
  if (text == "True") return ConditionStatus::True;
  return text == "False" ? ConditionStatus::False : ConditionStatus::Unknown;
}

void sort_by_type(Conditions& conditions) {
  std::sort(conditions.begin(), conditions.end(),
            [](const Condition& a, const Condition& b) { return a.type < b.type; });
}

}  // namespace

std::string_view to_string(ConditionStatus status) noexcept {
  switch (status) {
    case ConditionStatus::True: return "True";
    case ConditionStatus::False: return "False";
    case ConditionStatus::Unknown: break;
  }
  return "Unknown";
}

const Condition* find_condition(const Conditions& conditions, std::string_view type) noexcept {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& condition) { return condition.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

Conditions carry_transition_times(const Conditions& previous, Conditions next, std::string_view now) {
  for (Condition& condition : next) {
    const Condition* const before = find_condition(previous, condition.type);
    const bool unchanged =
        before != nullptr && before->status == condition.status && !before->last_transition_time.empty();
    condition.last_transition_time = unchanged ? before->last_transition_time : std::string{now};
  }
  sort_by_type(next);
  return next;
}

Conditions read_conditions(json::View list) {
  Conditions conditions;
  conditions.reserve(list.size());
  list.each([&](json::View item) {
    if (item["type"].text().empty()) return;
    conditions.push_back(Condition{
        .type = std::string{item["type"].text()},
        .status = parse_status(item["status"].text()),
        .reason = std::string{item["reason"].text()},
        .message = std::string{item["message"].text()},
        .observed_generation = item["observedGeneration"].integer().value_or(0),
        .last_transition_time = std::string{item["lastTransitionTime"].text()},
    });
  });
  sort_by_type(conditions);
  return conditions;
}

nlohmann::json to_json(const Conditions& conditions) {
  nlohmann::json list = nlohmann::json::array();
  for (const Condition& condition : conditions) {
    list.push_back({{"type", condition.type},
                    {"status", to_string(condition.status)},
                    {"reason", condition.reason},
                    {"message", cut(condition.message, kMaxMessage)},
                    {"observedGeneration", condition.observed_generation},
                    {"lastTransitionTime", condition.last_transition_time}});
  }
  return list;
}

}  // namespace tp::kube
