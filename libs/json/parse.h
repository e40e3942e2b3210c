#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "json/document.h"

namespace tp::json {

// Parses into nlohmann's tree after checking size and depth (its parser survives deep input, but the next
// copy or dump of the result would not). Same errors as Document::parse. Of duplicate keys the last one
// stays.
[[nodiscard]] Result<nlohmann::json> parse(std::string_view text, const Limits& limits = {});

// Whether parse() would accept it; builds nothing and takes less than half a ns a byte: for texts that are
// passed on. The same errors, but the reason of a syntax error.
[[nodiscard]] Status check(std::string_view text, const Limits& limits = {});

// Compact text; bytes that are not UTF-8 become U+FFFD, so it cannot throw on foreign data.
[[nodiscard]] std::string dump(const nlohmann::json& value);

// ResourceExhausted when `text` nests deeper or is longer than `limits`. A linear scan that skips strings; it
// judges nothing else, so `text` may still not be JSON.
[[nodiscard]] Status check_limits(std::string_view text, const Limits& limits);

}  // namespace tp::json
