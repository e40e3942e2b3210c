#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "gateway/sources/source.h"
#include "http/types.h"

// The answers that several sources give.
namespace tp::gateway {

[[nodiscard]] http::Response json_answer(int status, const nlohmann::json& body);

// {"ok":true}: what the former service answered and its senders' dashboards show.
[[nodiscard]] http::Response ok_answer(int status);

// What admit says of one event: to be stored, and then answered so. A braced list would copy its body.
[[nodiscard]] Admission store(NewEvent event, http::Response answer = {});

// Adds Retry-After to a 429 or a 5xx.
void add_retry_after(http::Response& answer);

// Source::refuse of every sender but Slack: {"detail": reason}, a 401 in the words of the former service.
[[nodiscard]] http::Response refuse_with_detail(int status, std::string_view reason);

}  // namespace tp::gateway
