#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/document.h"
#include "kube/core/condition.h"
#include "kube/core/fingerprint.h"
#include "kube/core/object_meta.h"
#include "kube/core/status_error.h"
#include "kube/core/watch_event.h"

// Whatever a server sends is read without harm, error messages stay bounded single lines, and the fingerprint
// of an object depends on the object alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  const tp::Error error = tp::kube::error_from_response({422, {}, text});
  if (error.code != tp::ErrorCode::InvalidArgument || error.message.size() > 2048) std::abort();
  if (error.message.find_first_of("\r\n\x1b") != std::string::npos) std::abort();

  tp::json::Document document;
  if (!document.parse(text)) return 0;
  const tp::json::View root = document.root();
  (void)tp::kube::error_from_status(root);
  (void)tp::kube::read_watch_event(root);
  (void)tp::kube::read_meta(root);
  (void)tp::kube::read_conditions(root["status"]["conditions"]);
  const auto fingerprint = tp::kube::owned_fingerprint(root, "team-operator");
  tp::json::Document again;
  if (!again.parse(text) || tp::kube::owned_fingerprint(again.root(), "team-operator") != fingerprint)
    std::abort();
  return 0;
}
