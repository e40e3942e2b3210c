#pragma once

#include "base/error.h"

namespace tp::provisioner {

// A right that is missing (an API server that has just started knows none for a moment), a kind or a
// namespace that it does not know (yet): whoever repairs that does not tell us, so waiting for a change of
// the resource could be for ever. As an Error that a Controller tries again.
[[nodiscard]] inline Error worth_retrying(Error error) {
  switch (error.code) {
    case ErrorCode::PermissionDenied:
    case ErrorCode::Unauthenticated:
    case ErrorCode::NotFound: error.code = ErrorCode::FailedPrecondition; break;
    default: break;
  }
  return error;
}

}  // namespace tp::provisioner
