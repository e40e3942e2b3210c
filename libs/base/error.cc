#include "base/error.h"

namespace tp {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::Cancelled: return "cancelled";
    case ErrorCode::InvalidArgument: return "invalid_argument";
    case ErrorCode::Unauthenticated: return "unauthenticated";
    case ErrorCode::PermissionDenied: return "permission_denied";
    case ErrorCode::NotFound: return "not_found";
    case ErrorCode::AlreadyExists: return "already_exists";
    case ErrorCode::Conflict: return "conflict";
    case ErrorCode::FailedPrecondition: return "failed_precondition";
    case ErrorCode::Expired: return "expired";
    case ErrorCode::ResourceExhausted: return "resource_exhausted";
    case ErrorCode::Unavailable: return "unavailable";
    case ErrorCode::DeadlineExceeded: return "deadline_exceeded";
    case ErrorCode::DataLoss: return "data_loss";
    case ErrorCode::Internal: return "internal";
  }
  return "unknown";
}

bool is_retryable(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::Conflict:
    case ErrorCode::FailedPrecondition:
    case ErrorCode::Expired:
    case ErrorCode::ResourceExhausted:
    case ErrorCode::Unavailable:
    case ErrorCode::DeadlineExceeded: return true;
    case ErrorCode::Cancelled:
    case ErrorCode::InvalidArgument:
    case ErrorCode::Unauthenticated:
    case ErrorCode::PermissionDenied:
    case ErrorCode::NotFound:
    case ErrorCode::AlreadyExists:
    case ErrorCode::DataLoss:
    case ErrorCode::Internal: return false;
  }
  return false;
}

}  // namespace tp
