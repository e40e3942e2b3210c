#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "json/document.h"

namespace tp::kube {

enum class ConditionStatus : std::uint8_t { True, False, Unknown };

[[nodiscard]] std::string_view to_string(ConditionStatus status) noexcept;

// metav1.Condition.
struct Condition {
  std::string type;
  ConditionStatus status = ConditionStatus::Unknown;
  std::string reason;   // CamelCase, never empty
  std::string message;  // for people; cut at 32,768 bytes when written
  std::int64_t observed_generation = 0;
  std::string last_transition_time{};  // RFC 3339

  friend bool operator==(const Condition&, const Condition&) = default;
};

using Conditions = std::vector<Condition>;  // sorted by type; at most one of each

[[nodiscard]] const Condition* find_condition(const Conditions& conditions, std::string_view type) noexcept;

// `next` with the transition times that belong to it: a condition whose status is unchanged from `previous`
// keeps its time, any other gets `now`. Sorted by type.
[[nodiscard]] Conditions carry_transition_times(const Conditions& previous,
                                                Conditions next,
                                                std::string_view now);

// The list in `status.conditions`; entries without type are skipped.
[[nodiscard]] Conditions read_conditions(json::View list);
[[nodiscard]] nlohmann::json to_json(const Conditions& conditions);

}  // namespace tp::kube
