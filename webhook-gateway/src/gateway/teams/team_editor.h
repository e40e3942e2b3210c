#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "gateway/platform/team.h"
#include "gateway/teams/edits.h"
#include "gateway/teams/team_cache.h"
#include "kube/client/api_client.h"

namespace tp::gateway {

// Writes TeamProvisionings: takes what the gateway applied before (kube::extract), changes what is asked for,
// and applies the whole, without force and only to the version that was read. So it changes nothing that it
// was not asked to change, takes nothing from others, and two edits at once both hold. Thread-safe.
//
// Errors, whose messages are for the caller:
//   NotFound            the team has no resource, and none is to be made
//   FailedPrecondition  the resource is being deleted
//   AlreadyExists       the name for a new resource is taken by something else
//   Conflict            another field manager owns what is to be changed: the message says which field, whose
//   InvalidArgument     the API server refuses the values
// All others: it could not be done now; the message is for our log.
class TeamEditor {
 public:
  static constexpr std::string_view kFieldManager = "webhook-gateway";

  // `ns`: where new resources are made. The rest must outlive it.
  TeamEditor(kube::ApiClient& api, TeamCache& cache, std::string ns);

  enum class IfMissing : std::uint8_t { Create, Fail };

  // The resource as the API server answered it.
  [[nodiscard]] Result<TeamResourcePointer> edit(const Context& ctx,
                                                 const TeamRef& team,
                                                 const std::vector<Edit>& edits,
                                                 IfMissing if_missing) const;
  // Asks for its deletion; nothing happens to another one of that name. Right if it is gone already.
  [[nodiscard]] Status remove(const Context& ctx, const TeamResource& resource) const;

 private:
  [[nodiscard]] Result<TeamResourcePointer> create(const Context& ctx,
                                                   const TeamRef& team,
                                                   const std::vector<Edit>& edits) const;
  // Nothing when the resource changed in between, or is gone.
  [[nodiscard]] Result<TeamResourcePointer> update(const Context& ctx,
                                                   const TeamResource& resource,
                                                   const std::vector<Edit>& edits) const;

  kube::ApiClient& api_;
  TeamCache& cache_;
  const std::string ns_;
};

}  // namespace tp::gateway
