#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace tp::gateway {

// The path of a request's target, without its query.
[[nodiscard]] std::string_view path_of(std::string_view target) noexcept;

// What stands in `path` for the {names} of a route's path, decoded. InvalidArgument for a '%' that two
// hexadecimal digits do not follow, for a NUL, and for bytes that are not UTF-8.
[[nodiscard]] Result<std::map<std::string, std::string>> path_parameters(std::string_view route,
                                                                         std::string_view path);

// The parameters of a request's query. Each is asked for by name, and reads as absent when it is wrong; end()
// says what was.
class Query {
 public:
  // One that is there several times has its values joined by ','.
  explicit Query(std::string_view target);

  [[nodiscard]] std::optional<std::string> text(const std::string& name);
  [[nodiscard]] std::string name(const std::string& name);  // of an org, a team and the like
  [[nodiscard]] std::optional<WallTime> time(const std::string& name);
  [[nodiscard]] std::optional<std::size_t> number(const std::string& name, std::size_t min, std::size_t max);

  // Refuses a value that text() gave.
  void wrong(const std::string& name, const std::string& must, const std::string& value);
  // InvalidArgument with the first thing that was wrong, which may be a parameter that nobody asked for, or
  // an encoding that is broken as above.
  [[nodiscard]] Status end() const;

 private:
  void fail(std::string message);

  std::map<std::string, std::string> parameters_;
  std::set<std::string> asked_;
  std::optional<Error> error_;
};

}  // namespace tp::gateway
