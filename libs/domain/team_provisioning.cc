#include "domain/team_provisioning.h"

namespace tp::domain {

std::string_view to_string(RuntimeMode mode) noexcept {
  return mode == RuntimeMode::Dedicated ? "Dedicated" : "Shared";
}

bool operator==(const TeamSpec& a, const TeamSpec& b) {
  const bool same_dedicated =
      a.dedicated == b.dedicated || (a.dedicated && b.dedicated && *a.dedicated == *b.dedicated);
  return same_dedicated && a.org_id == b.org_id && a.team_node_id == b.team_node_id &&
         a.pipeline == b.pipeline && a.dependency_discovery == b.dependency_discovery && a.mode == b.mode &&
         a.children == b.children && a.suspend == b.suspend;
}

bool operator==(const TeamProvisioning& a, const TeamProvisioning& b) {
  return a.meta == b.meta && a.finalizer_index == b.finalizer_index && a.requested_at == b.requested_at &&
         a.spec == b.spec && a.status == b.status;
}

}  // namespace tp::domain
