#include "gateway/platform/slack_api.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

namespace tp::gateway {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTimeout{5};

ErrorCode code_of(std::string_view error) {
  constexpr std::array<std::pair<std::string_view, ErrorCode>, 10> kCodes{{
      {"ratelimited", ErrorCode::ResourceExhausted},
      {"rate_limited", ErrorCode::ResourceExhausted},
      {"internal_error", ErrorCode::Unavailable},
      {"fatal_error", ErrorCode::Unavailable},
      {"service_unavailable", ErrorCode::Unavailable},
      {"request_timeout", ErrorCode::Unavailable},
      {"invalid_auth", ErrorCode::Unauthenticated},
      {"not_authed", ErrorCode::Unauthenticated},
      {"token_expired", ErrorCode::Unauthenticated},
      {"token_revoked", ErrorCode::Unauthenticated},
  }};
  const auto* const it =
      std::find_if(kCodes.begin(), kCodes.end(), [&](const auto& code) { return code.first == error; });
  return it == kCodes.end() ? ErrorCode::InvalidArgument : it->second;
}

// Slack's words for errors are made of these; anything else is not repeated in ours.
std::string plain(const std::string& word) {
  constexpr std::size_t kLongest = 60;
  const bool is_word = !word.empty() && word.size() <= kLongest &&
                       word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string::npos;
  return is_word ? word : "not ok";
}

std::string error_of(const json& answer) {
  const auto it = answer.find("error");
  return it != answer.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

}  // namespace

SlackApi::SlackApi(http::HttpClient& client, crypto::Secret token, const Clock& clock)
    : remote_("Slack", client, clock, kTimeout), token_(std::move(token)) {}

Status SlackApi::call(const Context& ctx, const std::string& method, const json& body) const {
  http::Request request = platform::json_request(http::Method::Post, "/" + method, body);
  request.headers.set("Content-Type", "application/json; charset=utf-8");  // Slack warns without it
  request.headers.add("Authorization", "Bearer " + std::string{token_.reveal()});
  TP_ASSIGN_OR_RETURN(const json answer, remote_.call(ctx, request));
  const auto is_ok = answer.find("ok");
  if (is_ok != answer.end() && *is_ok == true) return ok();
  const std::string word = error_of(answer);
  return remote_.error(code_of(word), request, plain(word));
}

Status SlackApi::post_message(const Context& ctx,
                              const std::string& channel_id,
                              const std::string& thread_ts,
                              const std::string& text) const {
  json body{{"channel", channel_id}, {"text", text}};
  if (!thread_ts.empty()) body["thread_ts"] = thread_ts;
  return call(ctx, "chat.postMessage", body);
}

Status SlackApi::open_view(const Context& ctx, const std::string& trigger_id, const json& view) const {
  return call(ctx, "views.open", {{"trigger_id", trigger_id}, {"view", view}});
}

SlackResponses::SlackResponses(const Origins& origins, const Clock& clock)
    : origins_(origins), clock_(clock) {}

Status SlackResponses::reply(const Context& ctx, const std::string& url, const std::string& text) const {
  const auto it = std::find_if(origins_.begin(), origins_.end(),
                               [&](const auto& origin) { return url.starts_with(origin.first + "/"); });
  if (it == origins_.end()) {
    return Error{ErrorCode::PermissionDenied, "Slack: the response URL leads to no host that is allowed"};
  }
  const auto& [origin, client] = *it;
  const http::Request request =
      platform::json_request(http::Method::Post, url.substr(origin.size()),
                             {{"response_type", "ephemeral"}, {"replace_original", false}, {"text", text}});
  const platform::Remote remote{"Slack", *client, clock_, kTimeout};
  // The path is the secret: errors are worded for another request. Slack answers "ok" as plain text.
  const http::Request shown{request.method, "/response_url", {}, ""};
  auto response = remote.exchange(ctx, request);
  if (!response) return remote.error(response.error().code, shown, "no answer");
  response->body.clear();
  TP_TRY(remote.judge(shown, *std::move(response)));
  return ok();
}

}  // namespace tp::gateway
