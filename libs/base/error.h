#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace tp {

// What the caller should do next, not where the failure came from. Keep this list short: a new code
// is only justified when some caller must branch on it.
enum class ErrorCode {
  Cancelled,         // stop was requested; not a failure, never logged at error level
  InvalidArgument,   // the input can never work; do not retry
  Unauthenticated,   // signature or token rejected
  PermissionDenied,  // RBAC or policy
  NotFound,
  AlreadyExists,
  Conflict,            // optimistic-lock or field-manager conflict; re-read and retry
  FailedPrecondition,  // a dependency is not there yet; requeue later
  Expired,             // a resourceVersion or continue token is no longer served; list again
  ResourceExhausted,   // 429 or a local bound was hit; honour retry_after
  Unavailable,         // transport error, 5xx; retry with backoff
  DeadlineExceeded,
  DataLoss,  // undecodable payload from a peer
  Internal,  // our bug
};

[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;
[[nodiscard]] bool is_retryable(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;
  std::optional<std::chrono::milliseconds> retry_after{};

  // Prepends the caller's context: "get lease tp/leader: 503 from apiserver".
  [[nodiscard]] Error wrap(std::string_view context) && {
    message.insert(0, std::string{context} + ": ");
    return std::move(*this);
  }

  friend bool operator==(const Error&, const Error&) = default;

  friend std::ostream& operator<<(std::ostream& os, const Error& e) {
    return os << to_string(e.code) << ": " << e.message;
  }
};

}  // namespace tp
