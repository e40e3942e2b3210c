#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "json/document.h"
#include "kube/core/resource.h"

namespace tp::kube {

inline constexpr ResourceType kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};

// The spec of a coordination.k8s.io/v1 Lease as client-go's leader election uses it.
struct Lease {
  std::string holder{};              // holderIdentity; empty: released
  std::chrono::seconds duration{0};  // leaseDurationSeconds, as its holder wants it
  WallTime acquired{}, renewed{};    // by the holder's clock, in microseconds: nobody may reckon with them
  std::int64_t transitions = 0;      // how often it has changed hands

  friend bool operator==(const Lease&, const Lease&) = default;
};

// A Lease as the server has it.
struct StoredLease {
  Lease lease{};
  std::string version{};  // metadata.resourceVersion
};

// From a whole object. What is missing in the spec is empty; DataLoss without a resourceVersion.
[[nodiscard]] Result<StoredLease> read_lease(json::View object);

// The body of an apply that is refused (409) unless `version` is the one that the server has; kNoLease:
// unless there is none.
[[nodiscard]] std::string lease_body(const ObjectKey& key, const Lease& lease, std::string_view version);

// A version that no object can have, so an apply with it only creates.
inline constexpr std::string_view kNoLease = "1";

}  // namespace tp::kube
