#include "json/parse.h"

#include <algorithm>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "json/errors.h"

namespace tp::json {

Error too_long(std::size_t bytes, const Limits& limits) {
  return {ErrorCode::ResourceExhausted, "JSON of " + std::to_string(bytes) + " bytes, at most " +
                                            std::to_string(limits.bytes) + " are accepted"};
}

Error too_deep(const Limits& limits) {
  return {ErrorCode::ResourceExhausted, "JSON nests deeper than " + std::to_string(limits.depth) + " levels"};
}

Error too_many(const Limits& limits) {
  return {ErrorCode::ResourceExhausted, "JSON of more than " + std::to_string(limits.values) + " values"};
}

Error not_json(std::size_t offset, std::string_view reason) {
  return {ErrorCode::DataLoss, "not JSON: byte " + std::to_string(offset) + ": " + std::string{reason}};
}

Error not_json(std::size_t offset, const nlohmann::json::exception& e) {
  // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while parsing value -
  // invalid literal; last read: '...'": the middle is for people, the end quotes the text.
  constexpr int kNumberOverflow = 406;  // nlohmann's id; that message is nothing but a quotation
  if (e.id == kNumberOverflow) return not_json(offset, "number out of range");
  std::string_view reason = e.what();
  reason = reason.substr(0, reason.find("; last read:"));
  for (const std::string_view prefix : {"] ", "parse error at ", ": "}) {
    if (const auto at = reason.find(prefix); at != std::string_view::npos)
      reason.remove_prefix(at + prefix.size());
  }
  return not_json(offset, reason);
}

Status check_text(std::string_view text, const Limits& limits) {
  // Documents index their nodes and characters with 32 bits.
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max() - 1;
  if (text.size() > std::min(limits.bytes, kMost)) return too_long(text.size(), limits);
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) return not_json(nul + 1, "a NUL byte");
  return ok();
}

Status check_limits(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes) return too_long(text.size(), limits);
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;  // whatever is escaped cannot end the string
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limits.depth) return too_deep(limits);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return ok();
}

Result<nlohmann::json> parse(std::string_view text, const Limits& limits) {
  TP_TRY(check_text(text, limits));
  TP_TRY(check_limits(text, limits));
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& e) {
    return not_json(e.byte, e);
  } catch (const nlohmann::json::exception& e) {
    return not_json(text.size(), e);  // a number out of range: nlohmann does not say where
  }
}

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tp::json
