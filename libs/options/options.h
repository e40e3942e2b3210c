#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"

// A program's settings as one table: each row is a flag, its environment variable, its default and its
// description, and from the table come parsing, `--help` and docs/configuration.md. Pure: arguments and
// environment are given.
//
//   Config config;
//   options::Table table{"team-operator run [flags]", "Runs the operator."};
//   table.section("Serving").add({.flag = "metrics-bind-address",
//                                 .default_value = ":8080",
//                                 .help = "Where /metrics is served.",
//                                 .value = options::address(config.metrics_bind_address)});
//   TP_ASSIGN_OR_RETURN(const auto outcome, table.parse(args, env_var));
//
// Credentials are never options: they are read from files, so that no process list or help text shows them.
namespace tp::options {

// What a row's text means and where it goes. The functions below make them; the target must outlive the
// Table.
struct Value {
  std::function<Status(std::string_view)>
      set;                 // InvalidArgument quotes the text and says what would be right
  std::string metavar;     // how help names it
  bool is_switch = false;  // `--flag` alone means true
};

[[nodiscard]] Value text(std::string& target);
[[nodiscard]] Value boolean(bool& target);  // true, false
[[nodiscard]] Value list(
    std::vector<std::string>& target);             // comma-separated; spaces around items do not count
[[nodiscard]] Value address(std::string& target);  // "[IP]:PORT" (http/address.h), kept as text
[[nodiscard]] Value duration(std::chrono::milliseconds& target,  // 90s, 1h30m, 500ms (parse_duration)
                             std::chrono::milliseconds min = std::chrono::milliseconds{0},
                             std::chrono::milliseconds max = std::chrono::milliseconds::max());
[[nodiscard]] Value integer(std::function<void(std::int64_t)> store, std::int64_t min, std::int64_t max);
// One of a few names.
[[nodiscard]] Value one_of(std::function<void(std::size_t)> store, std::vector<std::string> names);

template <class Int>
requires std::is_integral_v<Int>
[[nodiscard]] Value integer(Int& target, std::type_identity_t<Int> min, std::type_identity_t<Int> max) {
  return integer([&target](std::int64_t n) { target = static_cast<Int>(n); }, static_cast<std::int64_t>(min),
                 static_cast<std::int64_t>(max));
}
template <class Enum>
requires std::is_enum_v<Enum>
[[nodiscard]] Value one_of(Enum& target, const std::vector<std::pair<std::string, Enum>>& choices) {
  std::vector<std::string> names;
  std::vector<Enum> values;
  for (const auto& [name, value] : choices) {
    names.push_back(name);
    values.push_back(value);
  }
  return one_of([&target, values = std::move(values)](std::size_t i) { target = values[i]; },
                std::move(names));
}

// Go's form without fractions: numbers with units h, m, s, ms, such as 1h30m; 0 alone needs no unit. At most
// ten years.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

struct Option {
  std::string flag;             // without dashes
  char letter = 0;              // `-f` beside it, for flags that people type
  std::string env{};            // empty: none
  std::string default_value{};  // goes through `value` like any other text; empty: the target stays as it is
  std::string metavar{};        // empty: the value's own
  std::string help;             // one or two sentences
  bool required = false;
  Value value;
};

enum class Outcome { Run, Help };
using EnvLookup = std::function<std::optional<std::string>(const char*)>;

class Table {
 public:
  // `usage` is the first line of the help; `summary` says what the command does.
  Table(std::string usage, std::string summary) : usage_(std::move(usage)), summary_(std::move(summary)) {}

  // Rows added from here on stand under this heading.
  Table& section(std::string title);
  // Flags, letters and environment names must be unique (asserted).
  Table& add(Option option);

  // Sets every target: from the flag (`--flag value`, `--flag=value`, `--switch`, `--switch=false`; the last
  // one counts), else from the environment (an empty variable is an absent one), else the default.
  // InvalidArgument names everything that is wrong or missing, a line each. With --help or -h anywhere:
  // Outcome::Help, and nothing is set.
  [[nodiscard]] Result<Outcome> parse(std::span<const char* const> args, const EnvLookup& env) const;

  [[nodiscard]] std::string help() const;
  // The sections as Markdown tables.
  [[nodiscard]] std::string markdown() const;

 private:
  struct Row : Option {
    std::string section;
  };

  struct Reading {
    std::map<const Row*, std::string> given;
    std::vector<std::string> problems;
  };

  // False when help was asked for.
  [[nodiscard]] bool read_arguments(std::span<const char* const> args, Reading& reading) const;
  static void set(const Row& row, Reading& reading, const EnvLookup& env);
  [[nodiscard]] const Row* find(std::string_view argument_name) const;  // "--flag" or "-f"
  [[nodiscard]] std::string unknown(std::string_view argument_name) const;

  std::string usage_;
  std::string summary_;
  std::string section_ = "Flags";
  std::vector<Row> rows_;
};

}  // namespace tp::options
