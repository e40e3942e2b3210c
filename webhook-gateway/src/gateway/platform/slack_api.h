#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "http/client.h"
#include "platform/remote.h"

namespace tp::gateway {

// The few calls of Slack's Web API that the gateway makes itself. Slack answers 200 with {"ok":false,"error"}
// where others answer 4xx; here that is InvalidArgument, or what Remote would make of it:
// Unauthenticated for a bad token, ResourceExhausted for "ratelimited", Unavailable for Slack's own troubles.
// Nothing is repeated. Thread-safe.
class SlackApi {
 public:
  // `client`: for SLACK_API_URL, https://slack.com/api. `token`: the platform's bot token. Both must outlive
  // this object.
  SlackApi(http::HttpClient& client, crypto::Secret token, const Clock& clock);

  // Into a thread, or into the channel when thread_ts is empty.
  [[nodiscard]] Status post_message(const Context& ctx,
                                    const std::string& channel_id,
                                    const std::string& thread_ts,
                                    const std::string& text) const;
  // Within 3 s of the click that the trigger id is from; then Slack says "expired_trigger_id".
  [[nodiscard]] Status open_view(const Context& ctx,
                                 const std::string& trigger_id,
                                 const nlohmann::json& view) const;

 private:
  [[nodiscard]] Status call(const Context& ctx, const std::string& method, const nlohmann::json& body) const;

  const platform::Remote remote_;
  const crypto::Secret token_;
};

// Answers to clicks, at the response_url that came with them. The URL is a secret that lets anyone write in
// the app's name, and it comes from outside: it is only ever called where the list of origins says.
class SlackResponses {
 public:
  // Where answers may go, each with a client of that origin, e.g. "https://hooks.slack.com". They must
  // outlive this object.
  using Origins = std::vector<std::pair<std::string, http::HttpClient*>>;
  SlackResponses(const Origins& origins, const Clock& clock);

  // Shows `text` to the one who clicked. PermissionDenied when the URL leads elsewhere. Errors do not show
  // it.
  [[nodiscard]] Status reply(const Context& ctx, const std::string& url, const std::string& text) const;

 private:
  const Origins origins_;
  const Clock& clock_;
};

}  // namespace tp::gateway
