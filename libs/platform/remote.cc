#include "platform/remote.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "json/parse.h"

namespace tp::platform {
namespace {

constexpr int kClientErrors = 400;
constexpr int kServerErrors = 500;

ErrorCode code_of(int status) {
  switch (status) {
    case 401: return ErrorCode::Unauthenticated;
    case 403: return ErrorCode::PermissionDenied;
    case 404: return ErrorCode::NotFound;
    case 409: return ErrorCode::Conflict;
    case 429: return ErrorCode::ResourceExhausted;
    default: return status >= kServerErrors ? ErrorCode::Unavailable : ErrorCode::InvalidArgument;
  }
}

bool is_success(int status) { return status / 100 == 2; }

}  // namespace

Result<std::string> path_segment(std::string_view text) {
  if (text.empty() || text == "." || text == ".." || text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::InvalidArgument, R"(a name is empty, ".", ".." or has a NUL)"};
  }
  return http::escape(text);
}

http::Request json_request(http::Method method, std::string target, const nlohmann::json& body) {
  return {method, std::move(target), {{"Content-Type", "application/json"}}, json::dump(body)};
}

Error Remote::error(ErrorCode code, const http::Request& request, std::string_view what) const {
  const std::string path = request.target.substr(0, request.target.find('?'));
  return {code,
          name_ + ": " + std::string{to_string(request.method)} + " " + path + ": " + std::string{what}};
}

Result<http::Response> Remote::exchange(const Context& ctx, const http::Request& request) const {
  auto response = client_.send(ctx.child(clock_, timeout_), request);
  if (response) return response;
  // The client's own text names the address.
  switch (const ErrorCode code = response.error().code) {
    case ErrorCode::Cancelled: return error(code, request, "stopped");
    case ErrorCode::DeadlineExceeded: return error(code, request, "no answer in time");
    case ErrorCode::InvalidArgument: return error(code, request, "not a valid request");
    case ErrorCode::ResourceExhausted: return error(ErrorCode::DataLoss, request, "the answer is too large");
    // Not Unauthenticated: that would be the verdict on our token.
    case ErrorCode::Unauthenticated:
      return error(ErrorCode::Unavailable, request, "its certificate is refused");
    default: return error(ErrorCode::Unavailable, request, "no connection, or it was lost");
  }
}

Result<nlohmann::json> Remote::judge(const http::Request& request, const http::Response& response) const {
  if (!is_success(response.status)) {
    Error failure = error(code_of(response.status), request, std::to_string(response.status));
    if (response.status >= kClientErrors) {
      if (const auto seconds = http::retry_after_seconds(response.headers)) {
        failure.retry_after = std::chrono::seconds{*seconds};
      }
    }
    return failure;
  }
  if (response.body.empty()) return nlohmann::json{};
  auto body = json::parse(response.body);
  if (!body) return error(ErrorCode::DataLoss, request, "the answer is not JSON");
  return body;
}

Result<nlohmann::json> Remote::ask(const Context& ctx, const http::Request& request) const {
  TP_ASSIGN_OR_RETURN(const http::Response response, exchange(ctx, request));
  return judge(request, response);
}

Result<nlohmann::json> Remote::call(const Context& ctx, const http::Request& request) const {
  const SteadyTime since = clock_.now();
  auto answer = ask(ctx, request);
  if (observer_) {
    observer_(answer ? std::nullopt : std::optional{answer.error().code}, clock_.now() - since);
  }
  return answer;
}

Result<nlohmann::json> Remote::call_as(const Context& ctx,
                                       http::Request request,
                                       http::TokenSource& tokens,
                                       std::string_view whose) const {
  auto token = tokens.token(ctx);
  if (!token) return std::move(token).error().wrap(name_ + ": " + std::string{whose});
  if (!token->empty()) request.headers.set("Authorization", "Bearer " + std::string{token->reveal()});
  auto answer = call(ctx, request);
  if (answer || answer.error().code != ErrorCode::Unauthenticated) return answer;
  tokens.rejected();
  return Error{ErrorCode::PermissionDenied, answer.error().message + " (" + std::string{whose} + ")"};
}

std::optional<WallTime> parse_service_time(std::string_view text) {
  if (const auto time = parse_rfc3339(text)) return time;
  return parse_rfc3339(std::string{text} + "Z");
}

}  // namespace tp::platform
