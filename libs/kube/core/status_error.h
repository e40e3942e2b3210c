#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "http/types.h"
#include "json/document.h"

namespace tp::kube {

// Turns an answer that is not 2xx into an Error that says what to do. Reads metav1.Status when the body is
// one.
//   400, 405, 406, 413, 415, 422 InvalidArgument   401 Unauthenticated   404 NotFound   410 Expired
//   403 PermissionDenied; FailedPrecondition when the cause is NamespaceTerminating
//   409 AlreadyExists or Conflict by the Status' reason
//   429 ResourceExhausted   500, 502, 503 Unavailable; InvalidArgument for the 500 of an apply whose body
//   misfits the schema 504 Unavailable; Expired when the cause is ResourceVersionTooLarge
// Other codes: Internal. retry_after from the Retry-After header, else from details.retryAfterSeconds.
// The message is the Status' own (bounded to 1 KiB), prefixed with the code: "422 Invalid: …".
[[nodiscard]] Error error_from_response(const http::Response& response);

// The same for a metav1.Status that came inside a 200, in a watch's ERROR event (code and reason are in the
// object; 410 comes with reason Expired or, from old servers, Gone).
[[nodiscard]] Error error_from_status(json::View status);

// A field that an apply without force would have taken from another field manager.
struct FieldConflict {
  std::string field;    // "spec.pipeline.schedule"
  std::string manager;  // "argocd-controller"

  friend bool operator==(const FieldConflict&, const FieldConflict&) = default;
};

// Those that a refused apply names; none when it was refused for another reason. Bounded, as the messages
// are.
[[nodiscard]] std::vector<FieldConflict> field_conflicts(const http::Response& response);

}  // namespace tp::kube
