#pragma once

#include <cstddef>
#include <string_view>

// The rules of a CronJob's schedule, one question for each rule of the schema. A question about a part of the
// schedule is answered with yes when an earlier one has been answered with no, so that one mistake gets one
// message.
namespace tp::domain::schedule {

[[nodiscard]] bool names_no_time_zone(std::string_view schedule);  // no TZ= or CRON_TZ=
[[nodiscard]] bool has_right_shape(std::string_view schedule);     // @daily and the like, or five fields

enum class Field : std::size_t { Minute, Hour, DayOfMonth, Month, DayOfWeek };
[[nodiscard]] bool is_right(std::string_view schedule,
                            Field field);  // values, ranges and steps of that field

[[nodiscard]] bool ranges_run_forwards(std::string_view schedule);  // 9-17 and MON-FRI, not 22-1

// All of these.
[[nodiscard]] bool is_valid(std::string_view schedule);

}  // namespace tp::domain::schedule
