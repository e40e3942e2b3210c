#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/sources/body.h"
#include "http/types.h"

// Properties: any bytes come back from their escaped form, with fields around it; as a form by themselves
// they are decoded to no more bytes than they are, or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  const auto back = tp::gateway::form_field("a=1&payload=" + tp::http::escape(text) + "&b", "payload");
  if (!back || *back != text) std::abort();
  const auto value = tp::gateway::form_field(text, "payload");
  if (value ? value->size() > size : value.error().code != tp::ErrorCode::InvalidArgument) std::abort();
  return 0;
}
