#pragma once

#include <string_view>

#include "base/result.h"
#include "gateway/sources/source.h"
#include "json/document.h"

namespace tp::gateway {

// Any other sender: an endpoint of the config file says where in its JSON the message and the ids are. The
// context is the object there; anything else, and an identifier that is missing, is left out.
[[nodiscard]] Source generic_source();

// What the RFC 6901 pointer names in `root`; "" names all of it. Missing when nothing is there.
// InvalidArgument when a member on the way is there twice.
[[nodiscard]] Result<json::View> at_pointer(json::View root, std::string_view pointer);

}  // namespace tp::gateway
