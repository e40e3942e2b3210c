#include "gateway/sources/body.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "crypto/sha256.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

constexpr std::size_t kDepth = 64;

// How many values a body may have: many of any size, and then one for each 16 bytes, so that to read it takes
// no more than a few times its size. The vendors' have one for 20 to 50 bytes.
constexpr std::size_t kValues = std::size_t{16} << 10U;
constexpr std::size_t kBytesPerValue = 16;

Error invalid_json(std::string_view why) { return invalid("invalid_json: " + std::string{why}); }

// In a text that is JSON a backslash stands only in strings, so an escape is a run of backslashes of odd
// length.
bool has_escaped_nul(std::string_view json) {
  constexpr std::string_view kEscape = R"(\u0000)";
  for (auto at = json.find(kEscape); at != std::string_view::npos; at = json.find(kEscape, at + 1)) {
    const auto before = json.substr(0, at).find_last_not_of('\\');
    const auto run = at - (before == std::string_view::npos ? 0 : before + 1);
    if (run % 2 == 0) return true;
  }
  return false;
}

// Of a text that is JSON.
Status check_object_text(std::string_view json) {
  const auto start = json.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || json[start] != '{') return invalid_json("not an object");
  if (has_escaped_nul(json)) return invalid_json("a NUL character");
  return ok();
}

// Cuts the part before `separator` off the front of `list`, and the separator.
std::string_view take(std::string_view& list, char separator) {
  const std::string_view first = list.substr(0, list.find(separator));
  list.remove_prefix(std::min(first.size() + 1, list.size()));
  return first;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10U;
  return std::nullopt;
}

std::optional<std::string> form_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out.push_back(static_cast<char>(*high << 4U | *low));
    i += 2;
  }
  return out;
}

}  // namespace

Error invalid(std::string why) { return {ErrorCode::InvalidArgument, std::move(why)}; }

Result<json::Document> read_object(std::string_view body, std::string_view unique) {
  json::Document document;
  const std::size_t values = std::max(kValues, body.size() / kBytesPerValue);
  if (auto parsed = document.parse(body, {.bytes = body.size(), .depth = kDepth, .values = values}); !parsed)
    return invalid_json(parsed.error().message);
  TP_TRY(check_object_text(body));
  TP_TRY(require_unique(document.root(), unique));
  return document;
}

Status check_object(std::string_view body) {
  if (auto checked = json::check(body, {.bytes = body.size(), .depth = kDepth}); !checked)
    return invalid_json(checked.error().message);
  return check_object_text(body);
}

Result<json::View> unique_member(json::View object, std::string_view name) {
  json::View found;
  if (!object.is(json::Type::Object)) return found;
  for (json::View member = object.first(); member; member = member.next()) {
    if (member.key() != name) continue;
    if (found) return invalid_json("a member that is to be there once is there twice");
    found = member;
  }
  return found;
}

Status require_unique(json::View root, std::string_view paths) {
  while (!paths.empty()) {
    std::string_view path = take(paths, ' ');
    json::View value = root;
    while (!path.empty() && value) {
      TP_ASSIGN_OR_RETURN(value, unique_member(value, take(path, '/')));
    }
  }
  return ok();
}

std::string id_text(json::View value) {
  std::string text{value.text()};
  if (const auto number = value.integer()) text = std::to_string(*number);
  return text.size() > kIdBytes ? std::string{} : text;
}

std::string id_text(std::string_view header) {
  const bool plain = std::all_of(header.begin(), header.end(), [](char c) { return c > ' ' && c <= '~'; });
  return plain && header.size() <= kIdBytes ? std::string{header} : std::string{};
}

std::string key_of(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (const std::string_view part : parts) {
    if (part.empty() || part.size() > kIdBytes) return {};
    if (!key.empty()) key.push_back(':');
    key += part;
  }
  return key;
}

std::string_view clip(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  while (bytes > 0 && continues(text[bytes])) --bytes;
  return text.substr(0, bytes);
}

std::string kind_of(std::string_view word) {
  constexpr std::size_t kKindBytes = 100;
  return std::string{word.empty() ? "unknown" : clip(word, kKindBytes)};
}

std::string digest_of(std::string_view signed_bytes) {
  std::string digest;
  for (const std::byte b : crypto::sha256(signed_bytes)) digest.push_back(static_cast<char>(b));
  return digest;
}

Result<std::string> form_field(std::string_view body, std::string_view name) {
  std::optional<std::string> found;
  while (!body.empty()) {
    std::string_view field = take(body, '&');
    const auto key = form_decode(take(field, '='));
    auto value = form_decode(field);
    if (!key || !value) return invalid("invalid_form: a % without two hexadecimal digits");
    if (*key != name) continue;
    if (found) return invalid("invalid_form: two fields named " + std::string{name});
    found = std::move(value);
  }
  if (!found) return invalid("invalid_form: no field named " + std::string{name});
  return *std::move(found);
}

}  // namespace tp::gateway
