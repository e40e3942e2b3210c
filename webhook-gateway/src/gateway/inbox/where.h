#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "postgres/connection.h"
#include "postgres/params.h"

// What searches share. Private to gateway/inbox.
namespace tp::gateway {

// Times travel as microseconds since 1970.
#define TP_MICROS(column) "(extract(epoch FROM " column ") * 1e6)::bigint"

[[nodiscard]] inline std::int64_t micros(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

[[nodiscard]] inline WallTime time_of(const postgres::Rows& rows, std::size_t row, int column) {
  return WallTime{std::chrono::microseconds{rows.integer(row, column)}};
}

// Conditions of one WHERE, with their parameters. Only what is asked for is in the statement, so that the
// planner sees which index answers it.
class Where {
 public:
  // `condition` with $ in the place of the parameter.
  template <class T>
  void add(std::string_view condition, const T& value) {
    params.add(value);
    append(condition);
  }
  void add_any(std::string_view condition, const std::vector<std::string_view>& values) {
    params.add_texts(values);
    append(condition);
  }

  postgres::Params params;
  std::string text;

 private:
  void append(std::string_view condition) {
    const std::size_t at = condition.find('$');
    text += text.empty() ? " WHERE " : " AND ";
    text.append(condition.substr(0, at + 1))
        .append(std::to_string(params.size()))
        .append(condition.substr(at + 1));
  }
};

}  // namespace tp::gateway
