#include "kube/core/status_error.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kube/core/text.h"

namespace tp::kube {
namespace {

constexpr std::size_t kMaxMessage = 1024;
constexpr std::size_t kMaxForeignText =
    256;  // of a body that is not a Status: a proxy's words, or the server's plain ones
// A Status of a large object can list hundreds of causes; beyond this it is read as if there were none.
constexpr json::Limits kLimits{.bytes = std::size_t{256} << 10U, .depth = 32};

bool has_cause(json::View status, std::string_view reason) noexcept {
  for (json::View cause = status["details"]["causes"].first(); cause.exists(); cause = cause.next()) {
    if (cause["reason"].text() == reason) return true;
  }
  return false;
}

// How server-side apply says that the body does not fit the schema: as a 500 without a reason
// (Kubernetes 1.37).
bool misfit(json::View status) noexcept {
  return status["reason"].text().empty() &&
         status["message"].text().starts_with("failed to create typed patch object");
}

ErrorCode judge(std::int64_t http_code, json::View status) noexcept {
  switch (http_code) {
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422: return ErrorCode::InvalidArgument;
    case 401: return ErrorCode::Unauthenticated;
    case 403:
      return has_cause(status, "NamespaceTerminating") ? ErrorCode::FailedPrecondition
                                                       : ErrorCode::PermissionDenied;
    case 404: return ErrorCode::NotFound;
    case 409:
      return status["reason"].text() == "AlreadyExists" ? ErrorCode::AlreadyExists : ErrorCode::Conflict;
    case 410: return ErrorCode::Expired;
    case 429: return ErrorCode::ResourceExhausted;
    case 500: return misfit(status) ? ErrorCode::InvalidArgument : ErrorCode::Unavailable;
    case 502:
    case 503: return ErrorCode::Unavailable;
    // The same code means "too slow" and "this server has not yet seen that version". For the latter waiting
    // may not help (a restored etcd), listing again does.
    case 504:
      return has_cause(status, "ResourceVersionTooLarge") ? ErrorCode::Expired : ErrorCode::Unavailable;
    default: return ErrorCode::Internal;
  }
}

std::optional<std::chrono::milliseconds> retry_after(json::View status) noexcept {
  constexpr std::int64_t kLongest = std::int64_t{24} * 60 * 60;  // more is nonsense, and must not overflow
  const auto seconds = status["details"]["retryAfterSeconds"].integer();
  if (!seconds || *seconds <= 0 || *seconds > kLongest) return std::nullopt;
  return std::chrono::seconds{*seconds};
}

// Control characters would break a log line or a terminal.
std::string printable(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20U || byte == 0x7FU) c = ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

Error make_error(std::int64_t http_code, json::View status) {
  std::string message = http_code == 0 ? std::string{"no code"} : std::to_string(http_code);
  if (const auto reason = status["reason"].text(); !reason.empty()) {
    message.append(" ").append(cut(reason, kMaxForeignText));
  }
  if (const auto text = status["message"].text(); !text.empty()) {
    message.append(": ").append(printable(cut(text, kMaxMessage)));
  }
  return Error{judge(http_code, status), std::move(message), retry_after(status)};
}

// 0 when the reason is not one that ends a watch with a meaning of its own.
std::int64_t code_of_reason(std::string_view reason) noexcept {
  if (reason == "Expired" || reason == "Gone") return 410;
  return 0;
}

// The Status in an answer, read into `document`. Anything else is missing, which answers empty to everything.
json::View read_status(json::Document& document, const http::Response& response) {
  if (!document.parse(response.body, kLimits)) return {};
  const json::View root = document.root();
  return root["kind"].text() == "Status" ? root : json::View{};
}

// The manager of `conflict with "NAME" using VERSION`: a Go string literal.
std::string quoted(std::string_view message) {
  std::string name;
  const std::size_t begin = message.find('"');
  if (begin == std::string_view::npos) return name;
  for (std::size_t i = begin + 1; i < message.size() && message[i] != '"'; ++i) {
    if (message[i] == '\\' && i + 1 < message.size()) ++i;
    name += message[i];
  }
  return name;
}

}  // namespace

Error error_from_response(const http::Response& response) {
  json::Document document;
  const json::View status = read_status(document, response);

  Error error = make_error(response.status, status);
  if (!status && !response.body.empty()) {
    error.message.append(": ").append(printable(cut(response.body, kMaxForeignText)));
  }
  if (const auto seconds = http::retry_after_seconds(response.headers)) {
    error.retry_after = std::chrono::seconds{*seconds};
  }
  return error;
}

std::vector<FieldConflict> field_conflicts(const http::Response& response) {
  std::vector<FieldConflict> conflicts;
  json::Document document;
  read_status(document, response)["details"]["causes"].each([&](json::View cause) {
    if (cause["reason"].text() != "FieldManagerConflict") return;
    std::string_view field = cause["field"].text();
    if (field.starts_with('.')) field.remove_prefix(1);
    conflicts.push_back({printable(cut(field, kMaxForeignText)),
                         printable(cut(quoted(cause["message"].text()), kMaxForeignText))});
  });
  return conflicts;
}

Error error_from_status(json::View status) {
  const std::int64_t from_reason = code_of_reason(status["reason"].text());
  return make_error(from_reason != 0 ? from_reason : status["code"].integer().value_or(0), status);
}

}  // namespace tp::kube
