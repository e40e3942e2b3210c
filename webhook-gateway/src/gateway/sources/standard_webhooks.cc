#include "gateway/sources/standard_webhooks.h"

#include "gateway/sources/body.h"

namespace tp::gateway {

std::string_view webhook_id(const http::Headers& headers) {
  const auto branded = headers.find("svix-id");
  return branded ? *branded : headers.find("webhook-id").value_or("");
}

std::string standard_webhooks_digest(std::string_view id, std::string_view body) {
  return digest_of(std::string{id}.append(".").append(body));
}

}  // namespace tp::gateway
