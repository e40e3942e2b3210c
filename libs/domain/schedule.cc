#include "domain/schedule.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace tp::domain::schedule {
namespace {

constexpr std::string_view kBlanks = "\t\n\f\r ";  // \s of RE2
constexpr std::array<std::string_view, 7> kNicknames{"@hourly",  "@daily",  "@midnight", "@weekly",
                                                     "@monthly", "@yearly", "@annually"};
constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct FieldRule {
  int lowest, highest;
  std::span<const std::string_view> names{};
};
constexpr std::array<FieldRule, 5> kFields{{{0, 59}, {0, 23}, {1, 31}, {1, 12, kMonths}, {0, 6, kDays}}};

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The fields if there are exactly five.
std::optional<std::array<std::string_view, 5>> split(std::string_view schedule) {
  std::array<std::string_view, 5> fields;
  std::size_t count = 0;
  for (;;) {
    schedule.remove_prefix(std::min(schedule.find_first_not_of(kBlanks), schedule.size()));
    if (schedule.empty()) break;
    if (count == fields.size()) return std::nullopt;
    fields[count] = schedule.substr(0, schedule.find_first_of(kBlanks));
    schedule.remove_prefix(fields[count++].size());
  }
  if (count != fields.size()) return std::nullopt;
  return fields;
}

std::optional<int> parse_number(std::string_view text) {
  if (text.empty() || text.size() > 2 || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  int number = 0;
  for (const char digit : text) number = number * 10 + (digit - '0');
  return number;
}

std::optional<int> parse_name(std::string_view text, std::span<const std::string_view> names) {
  const auto found = std::find_if(names.begin(), names.end(), [&](std::string_view name) {
    return std::equal(name.begin(), name.end(), text.begin(), text.end(),
                      [](char a, char b) { return a == lower(b); });
  });
  if (found == names.end()) return std::nullopt;
  return static_cast<int>(found - names.begin());
}

// One value, or two with a dash between, of the same kind: MON-5 is neither.
bool is_range(std::string_view text, const FieldRule& rule) {
  const std::size_t dash = text.find('-');
  const std::string_view from = text.substr(0, dash);
  const std::string_view to = dash == std::string_view::npos ? from : text.substr(dash + 1);
  const auto in_bounds = [&](std::string_view value) {
    const std::optional<int> number = parse_number(value);
    return number && *number >= rule.lowest && *number <= rule.highest;
  };
  return (in_bounds(from) && in_bounds(to)) || (parse_name(from, rule.names) && parse_name(to, rule.names));
}

// * or ? or a range, then perhaps a step of 1 to 99.
bool is_item(std::string_view text, const FieldRule& rule) {
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    if (parse_number(text.substr(slash + 1)).value_or(0) == 0) return false;
    text = text.substr(0, slash);
  }
  return text == "*" || text == "?" || is_range(text, rule);
}

bool is_list(std::string_view text, const FieldRule& rule) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (!is_item(text.substr(0, comma), rule)) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

// What stands on both sides of a dash: up to two digits, or three letters.
bool runs_backwards(std::string_view before, std::string_view after) {
  const auto digits = [](auto begin, auto end) {
    return static_cast<std::size_t>(std::find_if_not(begin, end, is_digit) - begin);
  };
  const std::size_t left = std::min<std::size_t>(digits(before.rbegin(), before.rend()), 2);
  const std::size_t right = std::min<std::size_t>(digits(after.begin(), after.end()), 2);
  if (left > 0 && right > 0) {
    return parse_number(before.substr(before.size() - left)) > parse_number(after.substr(0, right));
  }
  if (before.size() < 3) return false;
  const auto backwards_in = [&](std::span<const std::string_view> names) {
    const std::optional<int> from = parse_name(before.substr(before.size() - 3), names);
    const std::optional<int> to = parse_name(after.substr(0, 3), names);
    return from && to && *from > *to;
  };
  return backwards_in(kMonths) || backwards_in(kDays);
}

}  // namespace

bool names_no_time_zone(std::string_view schedule) { return schedule.find("TZ=") == std::string_view::npos; }

bool has_right_shape(std::string_view schedule) {
  if (!names_no_time_zone(schedule)) return true;
  if (schedule.substr(0, 1) == "@") {
    return std::find(kNicknames.begin(), kNicknames.end(), schedule) != kNicknames.end();
  }
  return split(schedule).has_value();
}

bool is_right(std::string_view schedule, Field field) {
  if (!names_no_time_zone(schedule) || schedule.substr(0, 1) == "@") return true;
  const auto fields = split(schedule);
  const auto index = static_cast<std::size_t>(field);
  return !fields || is_list((*fields)[index], kFields[index]);
}

bool ranges_run_forwards(std::string_view schedule) {
  for (std::size_t dash = schedule.find('-'); dash != std::string_view::npos;
       dash = schedule.find('-', dash + 1)) {
    if (runs_backwards(schedule.substr(0, dash), schedule.substr(dash + 1))) return false;
  }
  return true;
}

bool is_valid(std::string_view schedule) {
  for (const Field field : {Field::Minute, Field::Hour, Field::DayOfMonth, Field::Month, Field::DayOfWeek}) {
    if (!is_right(schedule, field)) return false;
  }
  return names_no_time_zone(schedule) && has_right_shape(schedule) && ranges_run_forwards(schedule);
}

}  // namespace tp::domain::schedule
