#include "base/time.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace tp {
namespace {

using std::chrono::days;
using std::chrono::floor;

// Whole years that WallTime holds: 64 bits of nanoseconds around 1970.
constexpr int kFirstYear = 1678;
constexpr int kLastYear = 2261;

struct Parts {
  std::chrono::year_month_day date{};
  std::chrono::hh_mm_ss<std::chrono::microseconds> time{};
};

Parts split(WallTime time) {
  const auto micros = floor<std::chrono::microseconds>(time);
  const auto day = floor<days>(micros);
  return Parts{std::chrono::year_month_day{day}, std::chrono::hh_mm_ss{micros - day}};
}

std::string format(WallTime time, bool micro) {
  const Parts p = split(time);
  std::array<char, 48> buffer{};
  const int n =
      std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                    static_cast<int>(p.date.year()), static_cast<unsigned>(p.date.month()),
                    static_cast<unsigned>(p.date.day()), static_cast<int>(p.time.hours().count()),
                    static_cast<int>(p.time.minutes().count()), static_cast<int>(p.time.seconds().count()));
  std::string out{buffer.data(), static_cast<std::size_t>(n)};
  if (micro) {
    const int m =
        std::snprintf(buffer.data(), buffer.size(), ".%06d", static_cast<int>(p.time.subseconds().count()));
    out.append(buffer.data(), static_cast<std::size_t>(m));
  }
  return out + "Z";
}

// Takes exactly `digits` decimal digits from the front.
std::optional<int> take(std::string_view& text, std::size_t digits) {
  if (text.size() < digits || text.front() == '-') return std::nullopt;  // from_chars takes a sign
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool skip(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
  std::chrono::microseconds fraction{0};
  if (!skip(text, '.')) return fraction;
  int scale = 100000;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    fraction += std::chrono::microseconds{(text.front() - '0') * scale};
    scale /= 10;
    text.remove_prefix(1);
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  return fraction;
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (skip(text, 'Z')) return std::chrono::minutes{0};
  const bool negative = !text.empty() && text.front() == '-';
  if (!negative && (text.empty() || text.front() != '+')) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take(text, 2);
  if (!hours || !skip(text, ':')) return std::nullopt;
  const auto minutes = take(text, 2);
  if (!minutes) return std::nullopt;
  const std::chrono::minutes offset{*hours * 60 + *minutes};
  return negative ? -offset : offset;
}

}  // namespace

std::string to_rfc3339(WallTime time) { return format(time, false); }

std::string to_rfc3339_micro(WallTime time) { return format(time, true); }

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  std::array<int, 6> field{};
  constexpr std::array<std::size_t, 6> kDigits{4, 2, 2, 2, 2, 2};
  constexpr std::string_view kAfter = "--T::";
  for (std::size_t i = 0; i < field.size(); ++i) {
    const auto value = take(text, kDigits.at(i));
    if (!value || (i < kAfter.size() && !skip(text, kAfter[i]))) return std::nullopt;
    field.at(i) = *value;
  }
  const auto fraction = take_fraction(text);
  const auto offset = fraction ? take_offset(text) : std::nullopt;
  if (!offset || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{field[0]},
                                         std::chrono::month{static_cast<unsigned>(field[1])},
                                         std::chrono::day{static_cast<unsigned>(field[2])}};
  if (field[0] < kFirstYear || field[0] > kLastYear) return std::nullopt;
  if (!date.ok() || field[3] > 23 || field[4] > 59 || field[5] > 60) return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{field[3]} + std::chrono::minutes{field[4]} +
         std::chrono::seconds{field[5]} + *fraction - *offset;
}

}  // namespace tp
