#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "http/client.h"
#include "http/token_source.h"

// What the clients of the platform's services share: how their answers are judged.
namespace tp::platform {

// `text` as one segment of a path. InvalidArgument for what no segment can be: nothing, "." and "..", which a
// server (or a proxy before it) takes out together with the segment before it, and a NUL.
[[nodiscard]] Result<std::string> path_segment(std::string_view text);

// Hears of the end of each call(), on its thread: what failed, if anything did, and how long it took; for
// metrics.
using CallObserver = std::function<void(std::optional<ErrorCode> failure, std::chrono::nanoseconds took)>;

// A service that speaks JSON, at the other end of an HttpClient.
//
// Errors say what to do next and are fit for logs and for answers to administrators: they name the service,
// method and path, never its address, a query, a body or a token.
//   401 Unauthenticated · 403 PermissionDenied · 404 NotFound · 409 Conflict · 429 ResourceExhausted with
//   retry_after · 5xx Unavailable (with retry_after, if it was given) · everything else that is not 2xx
//   InvalidArgument · an answer that is no JSON DataLoss · no answer Unavailable, Cancelled or
//   DeadlineExceeded.
class Remote {
 public:
  // `name` is for messages. `client` and `clock` must outlive this object.
  Remote(std::string name,
         http::HttpClient& client,
         const Clock& clock,
         std::chrono::milliseconds timeout,
         CallObserver observer = {})
      : name_(std::move(name)),
        client_(client),
        clock_(clock),
        timeout_(timeout),
        observer_(std::move(observer)) {}

  // The answer's body, null when it is empty. Within the timeout, and within ctx.
  [[nodiscard]] Result<nlohmann::json> call(const Context& ctx, const http::Request& request) const;
  // The same, bearing a token of `tokens`, which `whose` describes in messages. A token that is refused (401)
  // is PermissionDenied, and `tokens` hears of it; one that cannot be had is its source's error.
  [[nodiscard]] Result<nlohmann::json> call_as(const Context& ctx,
                                               http::Request request,
                                               http::TokenSource& tokens,
                                               std::string_view whose) const;
  // An answer of any status.
  [[nodiscard]] Result<http::Response> exchange(const Context& ctx, const http::Request& request) const;
  // The rule above, for an answer of exchange().
  [[nodiscard]] Result<nlohmann::json> judge(const http::Request& request,
                                             const http::Response& response) const;
  [[nodiscard]] Error error(ErrorCode code, const http::Request& request, std::string_view what) const;

 private:
  [[nodiscard]] Result<nlohmann::json> ask(const Context& ctx, const http::Request& request) const;

  const std::string name_;
  http::HttpClient& client_;
  const Clock& clock_;
  const std::chrono::milliseconds timeout_;
  const CallObserver observer_;
};

// The services' times: RFC 3339, or the same without an offset, which then is UTC.
[[nodiscard]] std::optional<WallTime> parse_service_time(std::string_view text);

// A request whose body is JSON.
[[nodiscard]] http::Request json_request(http::Method method, std::string target, const nlohmann::json& body);

}  // namespace tp::platform
