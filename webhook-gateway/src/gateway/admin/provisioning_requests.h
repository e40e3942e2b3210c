#pragma once

#include <chrono>
#include <string_view>

#include "base/result.h"
#include "gateway/admin/fields.h"
#include "gateway/teams/provisioning.h"

// The bodies of requests about a team's provisioning, as edits of its resource. A field that is absent leaves
// what there is, null takes it away. What is wrong is said to `fields`; the rules are those of the resource.
namespace tp::gateway {

[[nodiscard]] ProvisioningRequest provision_request(Fields& fields);
[[nodiscard]] ProvisioningRequest schedules_request(Fields& fields);

struct DeprovisionRequest {
  ProvisioningRequest request;
  bool dry_run = false;
  bool orphan = false;  // the objects in Kubernetes stay
  bool clear = false;   // the team's configuration goes too
};
[[nodiscard]] DeprovisionRequest deprovision_request(Fields& fields);

// ?wait=SECONDS: how long to wait for the end of a run. InvalidArgument beyond a minute.
[[nodiscard]] Result<std::chrono::seconds> wait_of(std::string_view target);

}  // namespace tp::gateway
