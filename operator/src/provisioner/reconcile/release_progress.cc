#include "provisioner/reconcile/release_progress.h"

#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include "json/parse.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/reconcile/worth_retrying.h"

namespace tp::provisioner {

using Json = nlohmann::json;

Result<kube::Next> ReleaseReconciler::reconcile(const Context& ctx, const kube::ObjectKey& key) {
  const ReleasePointer release = caches_.releases().get(key);
  if (!release || release->meta.deleting) return kube::Next{};
  const domain::ReleaseProgress progress = count(*release);
  if (progress == release->status) return kube::Next{};
  const Json body{{"apiVersion", domain::kAgentReleases.api_version()},
                  {"kind", domain::kAgentReleases.kind},
                  {"metadata", {{"name", key.name}, {"uid", release->meta.uid}}},
                  {"status", domain::progress_to_json(progress)}};
  const auto applied = api_.apply(ctx, domain::kAgentReleases, key, json::dump(body),
                                  {.field_manager = kFieldManager, .subresource = "status"});
  if (!applied) {
    // Deleted, or deleted and made again: the watch will say so.
    const ErrorCode code = applied.error().code;
    if (code == ErrorCode::NotFound || code == ErrorCode::Conflict) return kube::Next{};
    return worth_retrying(applied.error());
  }
  json::Document document;
  TP_TRY(document.parse(applied->object));
  TP_TRY(caches_.releases().observe_write(document.root()));
  return kube::Next{};
}

domain::ReleaseProgress ReleaseReconciler::count(const domain::AgentRelease& release) const {
  using Use = Caches::ReleaseUse;
  const std::string& name = release.meta.key.name;
  const auto number = [&](Use use) {
    return static_cast<std::int64_t>(caches_.teams_with(use, name).size());
  };
  const ReleasePointer followed = caches_.default_release();
  domain::ReleaseProgress progress{.observed_generation = release.meta.generation,
                                   .is_default = followed && followed->meta.uid == release.meta.uid,
                                   .teams = number(Use::Active),
                                   .wanted = number(Use::Named),
                                   .progressing = number(Use::Progressing),
                                   .failed = number(Use::Failed)};
  if (progress.is_default) {
    const std::vector<TeamPointer> teams = caches_.all_teams();
    progress.wanted += std::count_if(teams.begin(), teams.end(), [](const TeamPointer& team) {
      return team->spec.release.empty() && !team->meta.deleting;
    });
  }
  return progress;
}

}  // namespace tp::provisioner
