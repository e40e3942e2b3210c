#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "json/document.h"
#include "kube/core/resource.h"

namespace tp::kube {

// The part of metadata that every cached object keeps. Labels and annotations are read from the event by the
// projection that wants them, so that 10,000 cached objects do not carry maps that nobody asks for.
struct ObjectMeta {
  ObjectKey key{};
  std::string uid{};
  std::string resource_version{};
  std::int64_t generation = 0;
  std::string controller_uid{};  // of the ownerReference with controller: true; empty when there is none
  WallTime created{};
  bool deleting = false;  // deletionTimestamp is set

  friend bool operator==(const ObjectMeta&, const ObjectMeta&) = default;
};

// From a whole object (not from its metadata). DataLoss when name, uid or resourceVersion is missing.
[[nodiscard]] Result<ObjectMeta> read_meta(json::View object);

}  // namespace tp::kube
