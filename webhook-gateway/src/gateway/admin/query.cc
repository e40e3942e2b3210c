#include "gateway/admin/query.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/time.h"
#include "crypto/encoding.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

constexpr std::size_t kNameBytes = 200;  // of orgs, teams and kinds; the platform's own are shorter

// `plus` is a space in a query, and itself in a path.
std::optional<std::string> decode(std::string_view text, char plus) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i] == '+' ? plus : text[i]);
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

Result<std::map<std::string, std::string>> path_parameters(std::string_view route, std::string_view path) {
  std::map<std::string, std::string> parameters;
  const auto next = [](std::string_view& rest) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    return segment;
  };
  while (!route.empty()) {
    const std::string_view name = next(route);
    const std::string_view segment = next(path);
    if (!name.starts_with('{')) continue;
    auto value = decode(segment, '+');
    if (!value || !is_utf8(*value)) return Error{ErrorCode::InvalidArgument, "the path is not well encoded"};
    parameters.emplace(name.substr(1, name.size() - 2), *std::move(value));
  }
  return parameters;
}

Query::Query(std::string_view target) {
  target.remove_prefix(std::min(target.size(), path_of(target).size() + 1));
  while (!target.empty()) {
    const std::string_view field = target.substr(0, target.find('&'));
    target.remove_prefix(std::min(target.size(), field.size() + 1));
    if (field.empty()) continue;
    const std::string_view name = field.substr(0, field.find('='));
    const auto key = decode(name, ' ');
    const auto value = decode(field.substr(std::min(field.size(), name.size() + 1)), ' ');
    if (!key || !value || !is_utf8(*key) || !is_utf8(*value)) {
      fail("the query is not well encoded");
      return;
    }
    std::string& all = parameters_[*key];
    all += (all.empty() ? "" : ",") + *value;
  }
}

void Query::fail(std::string message) {
  if (!error_) error_ = Error{ErrorCode::InvalidArgument, std::move(message)};
}

void Query::wrong(const std::string& name, const std::string& must, const std::string& value) {
  fail(name + ": must be " + must + ", not \"" + value.substr(0, kNameBytes) + "\"");
}

std::optional<std::string> Query::text(const std::string& name) {
  asked_.insert(name);
  const auto it = parameters_.find(name);
  return it == parameters_.end() ? std::nullopt : std::optional{it->second};
}

std::string Query::name(const std::string& name) {
  auto value = text(name);
  if (value && !value->empty() && value->size() <= kNameBytes) return *std::move(value);
  if (value) wrong(name, "a name of at most " + std::to_string(kNameBytes) + " bytes", *value);
  return {};
}

std::optional<WallTime> Query::time(const std::string& name) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  const auto time = parse_rfc3339(*value);
  if (!time) wrong(name, "a time such as 2026-01-31T12:00:00Z", *value);
  return time;
}

std::optional<std::size_t> Query::number(const std::string& name, std::size_t min, std::size_t max) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  std::size_t number = 0;
  const char* const end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, number);
  if (error == std::errc{} && stop == end && number >= min && number <= max) return number;
  wrong(name, std::to_string(min) + " to " + std::to_string(max), *value);
  return std::nullopt;
}

Status Query::end() const {
  if (error_) return *error_;
  for (const auto& [name, value] : parameters_) {
    if (!asked_.contains(name)) {
      return Error{ErrorCode::InvalidArgument, name.substr(0, kNameBytes) + ": there is no such parameter"};
    }
  }
  return ok();
}

}  // namespace tp::gateway
