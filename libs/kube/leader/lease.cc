#include "kube/leader/lease.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "json/parse.h"
#include "kube/core/object_meta.h"

namespace tp::kube {

using Json = nlohmann::json;

Result<StoredLease> read_lease(json::View object) {
  TP_ASSIGN_OR_RETURN(ObjectMeta meta, read_meta(object));
  const json::View spec = object["spec"];
  return StoredLease{{.holder = std::string{spec["holderIdentity"].text()},
                      .duration = std::chrono::seconds{spec["leaseDurationSeconds"].integer().value_or(0)},
                      .acquired = parse_rfc3339(spec["acquireTime"].text()).value_or(WallTime{}),
                      .renewed = parse_rfc3339(spec["renewTime"].text()).value_or(WallTime{}),
                      .transitions = spec["leaseTransitions"].integer().value_or(0)},
                     std::move(meta.resource_version)};
}

std::string lease_body(const ObjectKey& key, const Lease& lease, std::string_view version) {
  return json::dump(
      Json{{"apiVersion", kLeases.api_version()},
           {"kind", kLeases.kind},
           {"metadata", {{"name", key.name}, {"namespace", key.ns}, {"resourceVersion", version}}},
           {"spec",
            {{"holderIdentity", lease.holder},
             {"leaseDurationSeconds", lease.duration.count()},
             {"acquireTime", to_rfc3339_micro(lease.acquired)},
             {"renewTime", to_rfc3339_micro(lease.renewed)},
             {"leaseTransitions", lease.transitions}}}});
}

}  // namespace tp::kube
