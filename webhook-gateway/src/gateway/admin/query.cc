#include "gateway/admin/query.h"

#include <algorithm>
#include <optional>

#include "crypto/encoding.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const auto byte = text.size() - i > 2 ? crypto::from_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (!byte || *byte == std::string_view{"\0", 1}) return std::nullopt;
    decoded += *byte;
    i += 2;
  }
  return decoded;
}

bool is_utf8(const std::string& text) {
  // A JSON string of it is refused when it is not; quotes and control characters do not matter here.
  std::string quoted{'"'};
  for (const char c : text) {
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) quoted.push_back(c);
  }
  return json::check(quoted + '"').has_value();
}

}  // namespace

std::string_view path_of(std::string_view target) noexcept { return target.substr(0, target.find('?')); }

Result<std::map<std::string, std::string>> query_of(std::string_view target) {
  std::map<std::string, std::string> query;
  target.remove_prefix(std::min(target.size(), path_of(target).size() + 1));
  while (!target.empty()) {
    const std::string_view field = target.substr(0, target.find('&'));
    target.remove_prefix(std::min(target.size(), field.size() + 1));
    if (field.empty()) continue;
    const std::string_view name = field.substr(0, field.find('='));
    const auto key = decode(name);
    const auto value = decode(field.substr(std::min(field.size(), name.size() + 1)));
    if (!key || !value || !is_utf8(*key) || !is_utf8(*value))
      return Error{ErrorCode::InvalidArgument, "the query is not well encoded"};
    std::string& all = query[*key];
    all += (all.empty() ? "" : ",") + *value;
  }
  return query;
}

}  // namespace tp::gateway
