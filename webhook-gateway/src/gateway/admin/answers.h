#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "http/types.h"

namespace tp::gateway {

// What the admin API says. Nobody may keep it: it may hold a token.
[[nodiscard]] http::Response admin_answer(int status, const nlohmann::json& body);
// {"detail": "…"}
[[nodiscard]] http::Response admin_refusal(int status, const std::string& detail);

}  // namespace tp::gateway
