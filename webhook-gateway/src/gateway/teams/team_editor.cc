#include "gateway/teams/team_editor.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "domain/naming.h"
#include "json/parse.h"
#include "kube/core/extract.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

// Of a resource that changes under our hands, which is the operator's status as a rule: a few times in a
// second after a change.
constexpr int kTries = 10;

const kube::ApplyQuery kApply{.field_manager = TeamEditor::kFieldManager, .force = false};

Error owned_by_others(const std::vector<kube::FieldConflict>& conflicts) {
  std::string message;
  for (const kube::FieldConflict& conflict : conflicts)
    message += (message.empty() ? "" : "; ") + conflict.field + " is owned by " + conflict.manager;
  return Error{ErrorCode::Conflict, message + ": change it there"};
}

// Fields that are to go, and would stay because others own them too: no apply says so.
std::vector<kube::FieldConflict> held_by_others(json::View live, const std::vector<Edit>& edits) {
  std::vector<kube::FieldConflict> held;
  for (const Edit& edit : edits) {
    if (!edit.value.is_null()) continue;
    for (const std::string& manager : kube::other_managers(live, edit.path, TeamEditor::kFieldManager))
      held.push_back({dotted(edit.path), manager});
  }
  return held;
}

}  // namespace

TeamEditor::TeamEditor(kube::ApiClient& api, TeamCache& cache, std::string ns)
    : api_(api), cache_(cache), ns_(std::move(ns)) {}

Result<TeamResourcePointer> TeamEditor::edit(const Context& ctx,
                                             const TeamRef& team,
                                             const std::vector<Edit>& edits,
                                             IfMissing if_missing) const {
  for (int tries = 0; tries < kTries; ++tries) {
    const TeamResourcePointer known = cache_.find(team);
    if (!known && if_missing == IfMissing::Fail)
      return Error{ErrorCode::NotFound, "the team has no TeamProvisioning"};
    TP_ASSIGN_OR_RETURN(TeamResourcePointer written,
                        known ? update(ctx, *known, edits) : create(ctx, team, edits));
    if (written) return written;
  }
  return Error{ErrorCode::Unavailable, "the team's TeamProvisioning changes all the time"};
}

Status TeamEditor::remove(const Context& ctx, const TeamResource& resource) const {
  const Status removed = api_.remove(ctx, domain::kTeamProvisionings, resource.meta.key, resource.meta.uid);
  if (removed) cache_.observe_delete(resource);
  // A conflict: the name belongs to another one now, so ours is gone.
  const bool gone = !removed && (removed.error().code == ErrorCode::NotFound ||
                                 removed.error().code == ErrorCode::Conflict);
  return gone ? ok() : removed;
}

Result<TeamResourcePointer> TeamEditor::create(const Context& ctx,
                                               const TeamRef& team,
                                               const std::vector<Edit>& edits) const {
  const kube::ObjectKey key{ns_, domain::resource_name_for(team.org_id, team.team_node_id)};
  const Json skeleton{
      {"apiVersion", domain::kTeamProvisionings.api_version()},
      {"kind", domain::kTeamProvisionings.kind},
      {"metadata", {{"name", key.name}, {"namespace", key.ns}, {"resourceVersion", kube::kMustNotExist}}},
      {"spec", {{"orgId", team.org_id}, {"teamNodeId", team.team_node_id}}}};
  const auto applied =
      api_.apply(ctx, domain::kTeamProvisionings, key, json::dump(edited(skeleton, edits)), kApply);
  if (applied) return cache_.observe_write(applied->object);
  if (applied.error().code != ErrorCode::Conflict && applied.error().code != ErrorCode::AlreadyExists)
    return applied.error();

  // Something has the name: ours, which the watch has not shown yet, or a stranger.
  const auto live = api_.get(ctx, domain::kTeamProvisionings, key);
  if (!live && live.error().code == ErrorCode::NotFound) return TeamResourcePointer{};
  if (!live) return live.error();
  TP_ASSIGN_OR_RETURN(const TeamResourcePointer found, cache_.observe_write(*live));
  if (team_of(*found) != team) {
    return Error{ErrorCode::AlreadyExists,
                 "the TeamProvisioning " + key.str() + " exists and is not this team's"};
  }
  return update(ctx, *found, edits);
}

Result<TeamResourcePointer> TeamEditor::update(const Context& ctx,
                                               const TeamResource& resource,
                                               const std::vector<Edit>& edits) const {
  const kube::ObjectKey& key = resource.meta.key;
  const auto text = api_.get(ctx, domain::kTeamProvisionings, key);
  if (!text && text.error().code == ErrorCode::NotFound) {
    cache_.observe_delete(resource);
    return Error{ErrorCode::FailedPrecondition, "the team's TeamProvisioning is being deleted"};
  }
  if (!text) return text.error();
  json::Document document;
  TP_TRY(document.parse(*text));
  const json::View live = document.root();
  const json::View metadata = live["metadata"];
  if (metadata["deletionTimestamp"] || metadata["uid"].text() != resource.meta.uid)
    return Error{ErrorCode::FailedPrecondition, "the team's TeamProvisioning is being deleted"};
  if (const auto held = held_by_others(live, edits); !held.empty()) return owned_by_others(held);

  Json body = edited(kube::extract(live, kFieldManager), edits);
  body["metadata"]["uid"] = resource.meta.uid;
  body["metadata"]["resourceVersion"] = metadata["resourceVersion"].text();
  std::vector<kube::FieldConflict> conflicts;
  const auto applied = api_.apply(ctx, domain::kTeamProvisionings, key, json::dump(body), kApply, &conflicts);
  if (applied) return cache_.observe_write(applied->object);
  if (!conflicts.empty()) return owned_by_others(conflicts);
  if (applied.error().code == ErrorCode::Conflict) return TeamResourcePointer{};
  return applied.error();
}

}  // namespace tp::gateway
