#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace tp::log {

enum class Level : std::uint8_t { Debug, Info, Warn, Error };
enum class Format : std::uint8_t { Json, Text };

[[nodiscard]] std::string_view to_string(Level level) noexcept;
[[nodiscard]] std::optional<Level> parse_level(std::string_view text) noexcept;    // debug|info|warn|error
[[nodiscard]] std::optional<Format> parse_format(std::string_view text) noexcept;  // json|text

// One key and its value. Secrets have no conversion to Field, so they cannot be logged by accident; values of
// keys that name a credential are replaced by "[redacted]" all the same. Such a key ends, without case and
// separators, in token, secret, password, authorization or the like: "clientSecret" and "x-api-key" do,
// "secret_name" does not.
struct Field {
  using Value = std::variant<std::string, std::int64_t, double, bool>;
  std::string_view key;
  Value value;

  Field(std::string_view k, std::string_view v) : key(k), value(std::string{v}) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string{v}) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <class Int>
  requires(std::integral<Int> && !std::same_as<Int, bool>) Field(std::string_view k, Int v)
      : key(k), value(static_cast<std::int64_t>(v)) {}
  // key "error": "<code>: <message>"
  Field(std::string_view k, const Error& e)
      : key(k), value(std::string{to_string(e.code)} + ": " + e.message) {}
};

// Writes one line an event: JSON {"ts","level","logger","msg",…fields} (RFC 3339 with microseconds), or text
// for people: 2026-11-22T16:14:44.000000Z INFO  logger message key=value. Thread-safe; a line is written with
// one write(2) so that lines never mix. The level can be changed at run time.
class Sink {
 public:
  // A longer line loses its end, but stays valid JSON and says "truncated":true. 16 KiB is where container
  // runtimes split a log line in two.
  static constexpr std::size_t kMaxLine = std::size_t{16} << 10U;
  // A longer text is cut too, so that one large value cannot push out the fields after it.
  static constexpr std::size_t kMaxValue = kMaxLine / 2;

  // `fd` stays the caller's, who also ignores SIGPIPE.
  Sink(const Clock& clock, int fd, Level level, Format format);

  [[nodiscard]] Level level() const noexcept { return level_.load(std::memory_order_relaxed); }
  void set_level(Level level) noexcept { level_.store(level, std::memory_order_relaxed); }
  [[nodiscard]] bool enabled(Level line) const noexcept { return line >= level(); }
  // Fields of `bound` come first; one that `context` names again is left out.
  // NOLINTNEXTLINE(bugprone-exception-escape): only a lack of memory throws, and may end the process
  void write(Level level,
             std::string_view logger,
             std::string_view message,
             std::initializer_list<Field> context,
             const std::vector<Field>& bound) noexcept;

  // Lines that could not be written whole (disk full, reader gone): there is nowhere to log that.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

 private:
  const Clock& clock_;
  int fd_;
  std::atomic<Level> level_;
  Format format_;
  std::atomic<std::uint64_t> lost_{0};
};

// A named logger with fields bound to it. A cheap value; the Sink must outlive it. Thread-safe.
class Logger {
 public:
  Logger(Sink& sink, std::string name) : sink_(&sink), name_(std::move(name)) {}

  // The same logger with one more bound field (e.g. reconcile_id). `key` must be a string literal.
  [[nodiscard]] Logger with(Field field) const {
    Logger copy = *this;
    copy.bound_.push_back(std::move(field));
    return copy;
  }
  [[nodiscard]] Logger named(std::string name) const {
    Logger copy = *this;
    copy.name_ = std::move(name);
    return copy;
  }

  void debug(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(Level::Debug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(Level::Info, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(Level::Warn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(Level::Error, message, fields);
  }

 private:
  void log(Level level, std::string_view message, std::initializer_list<Field> fields) const {
    if (sink_->enabled(level)) sink_->write(level, name_, message, fields, bound_);
  }

  Sink* sink_;
  std::string name_;
  std::vector<Field> bound_;
};

}  // namespace tp::log
