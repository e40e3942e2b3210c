#include "log/log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>

#include <unistd.h>

#include "base/time.h"

namespace tp::log {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kLevelColumns{"DEBUG", "INFO ", "WARN ", "ERROR"};

constexpr std::string_view kJsonEnd = "}\n";
constexpr std::string_view kJsonCutEnd = ",\"truncated\":true}\n";
constexpr std::string_view kTextEnd = "\n";
constexpr std::string_view kTextCutEnd = " truncated=true\n";
constexpr std::size_t kRoom = Sink::kMaxLine - kJsonCutEnd.size();  // the longer of the two

bool names_credential(std::string_view key) {
  static constexpr std::array<std::string_view, 14> kEndings{
      "token",         "secret", "password",  "passwd",     "passphrase",  "credential", "credentials",
      "authorization", "cookie", "signature", "privatekey", "databaseurl", "apikey",     "bearer"};
  std::string plain;
  for (const char c : key) {
    if (c != '_' && c != '-' && c != '.')
      plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view end) { return plain.ends_with(end); });
}

// Length of the well-formed UTF-8 sequence at the front, or 0.
std::size_t sequence(std::string_view text) noexcept {
  struct Form {
    unsigned char first_low, first_high, second_low, second_high;
    std::size_t length;
  };
  static constexpr std::array<Form, 9> kForms{{{0x00, 0x7F, 0x00, 0x00, 1},  // Unicode 15, table 3-7
                                               {0xC2, 0xDF, 0x80, 0xBF, 2},
                                               {0xE0, 0xE0, 0xA0, 0xBF, 3},
                                               {0xE1, 0xEC, 0x80, 0xBF, 3},
                                               {0xED, 0xED, 0x80, 0x9F, 3},
                                               {0xEE, 0xEF, 0x80, 0xBF, 3},
                                               {0xF0, 0xF0, 0x90, 0xBF, 4},
                                               {0xF1, 0xF3, 0x80, 0xBF, 4},
                                               {0xF4, 0xF4, 0x80, 0x8F, 4}}};
  const auto within = [&](std::size_t i, unsigned char low, unsigned char high) {
    return i < text.size() && static_cast<unsigned char>(text[i]) >= low &&
           static_cast<unsigned char>(text[i]) <= high;
  };
  const auto* const form = std::find_if(kForms.begin(), kForms.end(),
                                        [&](const Form& f) { return within(0, f.first_low, f.first_high); });
  if (form == kForms.end()) return 0;
  if (form->length > 1 && !within(1, form->second_low, form->second_high)) return 0;
  for (std::size_t i = 2; i < form->length; ++i) {
    if (!within(i, 0x80, 0xBF)) return 0;
  }
  return form->length;
}

// One character as it may stand in a line: control characters and what is not UTF-8 as JSON escapes, those of
// `special` behind a backslash.
std::string_view escaped(std::string_view character, std::string_view special, std::array<char, 6>& buffer) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const char c = character.front();
  const auto code = static_cast<unsigned char>(c);
  const auto pair = [&](char second) {
    buffer = {'\\', second};
    return std::string_view{buffer.data(), 2};
  };
  if (sequence(character) == 0) return "\\ufffd";
  if (special.find(c) != std::string_view::npos) return pair(c);
  if (c == '\n') return pair('n');
  if (c == '\t') return pair('t');
  if (c == '\r') return pair('r');
  if (code >= 0x20 && code != 0x7F) return character;
  buffer = {'\\', 'u', '0', '0', kDigits[code >> 4U], kDigits[code & 0xFU]};
  return {buffer.data(), buffer.size()};
}

// A line under construction that never outgrows kRoom.
class Line {
 public:
  explicit Line(Format format) : format_(format) { text_.reserve(512); }

  void raw(std::string_view text) { text_ += text; }

  // The message of a text line, which stands without quotes.
  void message(std::string_view text) { append(text, ""); }

  void pair(std::string_view key, const Field::Value& value) {
    const std::size_t before = text_.size();
    if (format_ == Format::Json) {
      raw(before == 0 ? "{" : ",");
      quoted(key);
      raw(":");
    } else {
      raw(" ");
      append(key, "");
      raw("=");
    }
    std::visit([this](const auto& v) { put(v); }, value);
    if (text_.size() <= kRoom) return;
    text_.resize(before);
    cut_ = true;
  }

  [[nodiscard]] std::string finish() && {
    if (format_ == Format::Json) raw(cut_ ? kJsonCutEnd : kJsonEnd);
    if (format_ == Format::Text) raw(cut_ ? kTextCutEnd : kTextEnd);
    return std::move(text_);
  }

 private:
  void put(const std::string& value) {
    const bool bare =
        format_ == Format::Text && !value.empty() &&
        std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7F && c != '"'; });
    bare ? append(value, "") : quoted(value);
  }
  void put(bool value) { raw(value ? "true" : "false"); }
  void put(std::int64_t value) { number(value); }
  void put(double value) { std::isfinite(value) ? number(value) : raw("null"); }  // JSON has no infinity

  template <class T>
  void number(T value) {
    std::array<char, 32> buffer{};  // the longest double has 24 characters
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    raw({buffer.data(), static_cast<std::size_t>(end - buffer.data())});
  }

  void quoted(std::string_view text) {
    raw("\"");
    append(text, "\"\\");
    raw("\"");
  }

  // As many whole characters as there is room for, with one left for a closing quote.
  void append(std::string_view text, std::string_view special) {
    const std::size_t end = std::min(text_.size() + Sink::kMaxValue, kRoom - 1);
    std::array<char, 6> buffer{};
    while (!text.empty()) {
      const std::size_t length = std::max<std::size_t>(sequence(text), 1);
      const std::string_view character = escaped(text.substr(0, length), special, buffer);
      if (text_.size() + character.size() > end) {
        cut_ = true;
        return;
      }
      text_ += character;
      text.remove_prefix(length);
    }
  }

  Format format_;
  bool cut_ = false;
  std::string text_;
};

void add_field(Line& line, const Field& field) {
  line.pair(field.key, names_credential(field.key) ? Field::Value{"[redacted]"} : field.value);
}

// False when not every byte was taken. A short write goes on: only then, on a full disk or pipe, may lines
// mix.
bool write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

std::string_view to_string(Level level) noexcept { return kLevels.at(static_cast<std::size_t>(level)); }

std::optional<Level> parse_level(std::string_view text) noexcept {
  const auto* const found = std::find(kLevels.begin(), kLevels.end(), text);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<Level>(found - kLevels.begin());
}

std::optional<Format> parse_format(std::string_view text) noexcept {
  if (text == "json") return Format::Json;
  if (text == "text") return Format::Text;
  return std::nullopt;
}

Sink::Sink(const Clock& clock, int fd, Level level, Format format)
    : clock_(clock), fd_(fd), level_(level), format_(format) {}

// NOLINTNEXTLINE(bugprone-exception-escape): only a lack of memory throws, and may end the process
void Sink::write(Level level,
                 std::string_view logger,
                 std::string_view message,
                 std::initializer_list<Field> context,
                 const std::vector<Field>& bound) noexcept {
  const std::string ts = to_rfc3339_micro(clock_.wall_now());
  Line line{format_};
  if (format_ == Format::Json) {
    line.pair("ts", ts);
    line.pair("level", std::string{to_string(level)});
    line.pair("logger", std::string{logger});
    line.pair("msg", std::string{message});
  } else {
    line.raw(ts + " ");
    line.raw(kLevelColumns.at(static_cast<std::size_t>(level)));
    line.raw(" ");
    line.message(logger);
    line.raw(" ");
    line.message(message);
  }
  for (const Field& field : bound) {
    const bool again = std::any_of(context.begin(), context.end(),
                                   [&](const Field& other) { return other.key == field.key; });
    if (!again) add_field(line, field);
  }
  for (const Field& field : context) add_field(line, field);
  if (!write_all(fd_, std::move(line).finish())) lost_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace tp::log
