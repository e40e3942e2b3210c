#include "gateway/teams/provisioning.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "crypto/encoding.h"
#include "crypto/sha256.h"
#include "gateway/inbox/event_id.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

// Of what is asked for, not of how it was written.
std::string hash_of(const ProvisioningRequest& request) {
  Json edits = Json::array();
  for (const Edit& edit : request.edits) edits.push_back({dotted(edit.path), edit.value});
  return crypto::to_hex(crypto::sha256(json::dump({to_string(request.kind), std::move(edits)})));
}

}  // namespace

Provisioning::Provisioning(TeamCache& cache,
                           const TeamEditor& editor,
                           ProvisioningRuns& runs,
                           RunWatch& watch,
                           const Clock& clock,
                           Rng& rng)
    : cache_(cache), editor_(editor), runs_(runs), watch_(watch), clock_(clock), rng_(rng) {}

Result<ProvisioningRuns::Begun> Provisioning::begin(const Context& ctx, const ProvisioningRequest& request) {
  // Without it a team that exists would look like one that does not.
  if (!cache_.synced())
    return Error{ErrorCode::Unavailable, "the TeamProvisionings have not been listed yet"};
  const std::string id = new_event_id(clock_.wall_now(), rng_).str();
  auto begun = runs_.begin(
      ctx,
      {.id = id, .team = request.team, .kind = request.kind, .key = request.key, .hash = hash_of(request)},
      [&](const Context& its_ctx) { return perform(its_ctx, request, id); });
  if (begun && begun->run.status == RunStatus::Running) watch_.follow(begun->run);
  return begun;
}

Result<TeamResourcePointer> Provisioning::perform(const Context& ctx,
                                                  const ProvisioningRequest& request,
                                                  const std::string& run_id) const {
  const TeamResourcePointer known = cache_.find(request.team);
  const bool leave = request.kind == RunKind::Deprovision;
  if (known && known->meta.deleting) {
    if (leave) return known;  // what was asked for goes on already
    return Error{ErrorCode::FailedPrecondition, "the team's TeamProvisioning is being deleted"};
  }
  TP_TRY(check_channels(request));
  std::vector<Edit> edits = request.edits;
  edits.push_back({{"metadata", "annotations", std::string{domain::kProvisioningRun}}, run_id});
  using enum TeamEditor::IfMissing;
  const auto if_missing = request.kind == RunKind::Provision ? Create : Fail;
  TP_ASSIGN_OR_RETURN(TeamResourcePointer resource, editor_.edit(ctx, request.team, edits, if_missing));
  if (leave) TP_TRY(editor_.remove(ctx, *resource));
  return resource;
}

Status Provisioning::check_channels(const ProvisioningRequest& request) const {
  for (const std::string& channel : request.channels) {
    const TeamResourcePointer owner = cache_.channel_owner(channel, request.team);
    if (!owner) continue;
    // Whose it is in another org is nobody's business.
    const bool same_org = owner->spec.org_id == request.team.org_id;
    return Error{ErrorCode::Conflict, "the Slack channel " + channel + " belongs to " +
                                          (same_org ? "team " + owner->spec.team_node_id : "another team")};
  }
  return ok();
}

}  // namespace tp::gateway
