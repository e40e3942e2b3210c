#pragma once

#include <functional>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "kube/client/api_client.h"
#include "kube/core/request.h"

namespace tp::kube {

// All objects of a selection as they are now, each as JSON text (without kind and apiVersion): for who looks
// once. Who follows them uses a Reflector. An Error of `on_item` ends it and is the result. Expired when the
// list takes longer than the API server remembers: some items may have been handed out by then.
[[nodiscard]] Status list_all(ApiClient& api,
                              const Context& ctx,
                              const Selection& selection,
                              const std::function<Status(std::string_view item)>& on_item);

}  // namespace tp::kube
