#include "provisioner/reconcile/token_vault.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "json/document.h"
#include "json/parse.h"
#include "kube/core/object_meta.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/desired/token_secret.h"

namespace tp::provisioner {
namespace {

constexpr std::string_view kMustNotExist = "1";  // as in execute.cc

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

Result<bool> TokenVault::is_free(const Context& ctx, const Team& team) const {
  const auto text = api_.get(ctx, kube::kSecrets, key_of(team), kube::Representation::MetadataOnly);
  if (!text && text.error().code == ErrorCode::NotFound) return true;
  if (!text) return text.error();
  json::Document document;
  TP_TRY(document.parse(*text));
  TP_ASSIGN_OR_RETURN(const HeldToken live, project_held_token(document.root()));
  return Caches::belongs(live, team);
}

Status TokenVault::put(const Context& ctx, const Team& team, const ConfigService::Issued& issued) {
  const kube::ObjectKey key = key_of(team);
  nlohmann::json body = build_token_secret(team, key.name, issued.id, issued.token.reveal());
  const HeldTokenPointer before = find(team);
  nlohmann::json& metadata = body["metadata"];
  if (before) {
    metadata["uid"] = before->meta.uid;
  } else {
    metadata["resourceVersion"] = kMustNotExist;
  }
  const auto applied =
      api_.apply(ctx, kube::kSecrets, key, json::dump(body), {.field_manager = kFieldManager});
  if (!applied) {
    const bool taken =
        applied.error().code == ErrorCode::Conflict || applied.error().code == ErrorCode::AlreadyExists;
    if (!before && taken) {
      return Error{ErrorCode::AlreadyExists,
                   "Secret " + key.str() + " exists and does not belong to this team"};
    }
    return Error{applied.error()}.wrap("write Secret " + key.str());
  }
  json::Document document;
  TP_TRY(document.parse(applied->object));
  TP_TRY(caches_.tokens(key.ns).observe_write(document.root()));
  return ok();
}

}  // namespace tp::provisioner
