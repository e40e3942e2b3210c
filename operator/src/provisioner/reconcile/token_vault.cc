#include "provisioner/reconcile/token_vault.h"

#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/document.h"
#include "json/parse.h"
#include "kube/core/object_meta.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/desired/token_secret.h"

namespace tp::provisioner {
namespace {

kube::ObjectKey key_of(const Team& team) { return {team.meta.key.ns, token_secret_name(team)}; }

}  // namespace

HeldTokenPointer TokenVault::find(const Team& team) const {
  const HeldTokenPointer held = caches_.tokens(team.meta.key.ns).get(key_of(team));
  return held && Caches::belongs(*held, team) ? held : nullptr;
}

std::string TokenVault::held(const Team& team) const {
  const HeldTokenPointer held = find(team);
  return held ? held->id() : std::string{};
}

Result<HeldTokenPointer> TokenVault::look(const Context& ctx, const Team& team) const {
  const auto text = api_.get(ctx, kube::kSecrets, key_of(team), kube::Representation::MetadataOnly);
  if (!text && text.error().code == ErrorCode::NotFound) return HeldTokenPointer{};
  if (!text) return text.error();
  json::Document document;
  TP_TRY(document.parse(*text));
  TP_ASSIGN_OR_RETURN(HeldToken live, project_held_token(document.root()));
  return std::make_shared<const HeldToken>(std::move(live));
}

Result<bool> TokenVault::is_free(const Context& ctx, const Team& team) const {
  TP_ASSIGN_OR_RETURN(const HeldTokenPointer live, look(ctx, team));
  return !live || Caches::belongs(*live, team);
}

Status TokenVault::put(const Context& ctx, const Team& team, const ConfigService::Issued& issued) {
  const kube::ObjectKey key = key_of(team);
  const HeldTokenPointer before = find(team);
  Status stored = store(ctx, team, issued, before ? before->meta.uid : std::string{});
  const bool taken = !stored && (stored.error().code == ErrorCode::Conflict ||
                                 stored.error().code == ErrorCode::AlreadyExists);
  if (before || !taken) return stored;
  // No watch shows it. It may be the team's all the same, without the labels.
  TP_ASSIGN_OR_RETURN(const HeldTokenPointer live, look(ctx, team));
  if (live && Caches::belongs(*live, team)) return store(ctx, team, issued, live->meta.uid);
  return Error{ErrorCode::AlreadyExists, "Secret " + key.str() + " exists and does not belong to this team"};
}

// `uid`: of the live Secret; empty: there must be none.
Status TokenVault::store(const Context& ctx,
                         const Team& team,
                         const ConfigService::Issued& issued,
                         const std::string& uid) {
  const kube::ObjectKey key = key_of(team);
  nlohmann::json body = build_token_secret(team, key.name, issued.id, issued.token.reveal());
  if (uid.empty()) {
    body["metadata"]["resourceVersion"] = kube::kMustNotExist;
  } else {
    body["metadata"]["uid"] = uid;
  }
  const auto applied =
      api_.apply(ctx, kube::kSecrets, key, json::dump(body), {.field_manager = kFieldManager});
  if (!applied) return Error{applied.error()}.wrap("write Secret " + key.str());
  json::Document document;
  TP_TRY(document.parse(applied->object));
  TP_TRY(caches_.tokens(key.ns).observe_write(document.root()));
  return ok();
}

}  // namespace tp::provisioner
