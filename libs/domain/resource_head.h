#pragma once

#include "base/result.h"
#include "json/document.h"
#include "kube/core/object_meta.h"
#include "kube/core/resource.h"

namespace tp::domain {

// The metadata of an object of that kind, as a watch delivers it or, if `manifest`, as people write it: uid,
// resourceVersion and namespace may be missing then, but apiVersion and kind may not (items of a list need
// not repeat them). An Error when it is of another kind or has no name.
[[nodiscard]] Result<kube::ObjectMeta> read_head(json::View object,
                                                 const kube::ResourceType& type,
                                                 bool manifest);

}  // namespace tp::domain
