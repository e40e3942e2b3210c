#pragma once

#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/document.h"

// Private to libs/json: the errors that both parsers give.
namespace tp::json {

[[nodiscard]] Error too_long(std::size_t bytes, const Limits& limits);
[[nodiscard]] Error too_deep(const Limits& limits);
[[nodiscard]] Error too_many(const Limits& limits);
[[nodiscard]] Error not_json(std::size_t offset, std::string_view reason);
// Says what nlohmann found without its quotation of the text.
[[nodiscard]] Error not_json(std::size_t offset, const nlohmann::json::exception& e);

// Size, and the one malformed input that nlohmann's lexer accepts: it takes a NUL byte for the end of the
// text.
[[nodiscard]] Status check_text(std::string_view text, const Limits& limits);

}  // namespace tp::json
