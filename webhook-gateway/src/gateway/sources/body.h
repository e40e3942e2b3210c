#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/document.h"

// How every source reads what strangers sent. Errors are InvalidArgument; their texts go to the sender, begin
// with "invalid_json: " or name a field, and never quote the body.
namespace tp::gateway {

// InvalidArgument.
[[nodiscard]] Error invalid(std::string why);

// The body as a Document whose root is an object of at most 64 levels, valid UTF-8, without NUL characters
// (PostgreSQL's text and most agents' tools cannot hold them) and with the members that `unique`
// names there at most once: of two, parsers differ in which one they take. Its size is not judged again: the
// server has capped it. `unique` holds paths with a space between them: "event_id event event/type".
[[nodiscard]] Result<json::Document> read_object(std::string_view body, std::string_view unique = {});

// What read_object() judges, but for `unique`, without building anything: for bodies of up to 25 MiB that
// are not looked into.
[[nodiscard]] Status check_object(std::string_view body);

// The object's member of that name; missing when `object` has none or is none. An error when it is there
// twice.
[[nodiscard]] Result<json::View> unique_member(json::View object, std::string_view name);

// An error when a member on one of these paths is there twice.
[[nodiscard]] Status require_unique(json::View root, std::string_view paths);

// A sender's id: a string, or an integer as text. Empty when it is neither, is longer than kIdBytes, or is a
// header's value and not printable ASCII (PostgreSQL's text must be UTF-8): then it cannot be a key. (An
// index row of PostgreSQL holds 2,700 bytes; real ids have at most 40.)
inline constexpr std::size_t kIdBytes = 200;
[[nodiscard]] std::string id_text(json::View value);
[[nodiscard]] std::string id_text(std::string_view header);

// The ids joined by ':', or empty when one of them is empty or longer than kIdBytes.
[[nodiscard]] std::string key_of(std::initializer_list<std::string_view> parts);

// The longest beginning of at most `bytes` bytes that does not cut a UTF-8 sequence.
[[nodiscard]] std::string_view clip(std::string_view text, std::size_t bytes);

// NewEvent::kind of a sender's word: at most 100 bytes, "unknown" for none.
[[nodiscard]] std::string kind_of(std::string_view word);

// 32 bytes: SHA-256.
[[nodiscard]] std::string digest_of(std::string_view signed_bytes);

// The value of the one field of that name in an application/x-www-form-urlencoded body. An error when it is
// missing, there twice, or holds a '%' that two hexadecimal digits do not follow. Other fields are ignored.
[[nodiscard]] Result<std::string> form_field(std::string_view body, std::string_view name);

}  // namespace tp::gateway
