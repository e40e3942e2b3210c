#pragma once

#include <string>
#include <string_view>

#include "http/types.h"

// What a source that is signed by Standard Webhooks takes from its request.
namespace tp::gateway {

// The id that the signature covers: webhook-id, or svix-id. The scheme has refused a request with both.
[[nodiscard]] std::string_view webhook_id(const http::Headers& headers);

// NewEvent::digest of what is signed, without the timestamp, which each attempt has anew.
[[nodiscard]] std::string standard_webhooks_digest(std::string_view id, std::string_view body);

}  // namespace tp::gateway
