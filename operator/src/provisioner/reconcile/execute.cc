#include "provisioner/reconcile/execute.h"

#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "json/parse.h"
#include "kube/core/ownership.h"
#include "provisioner/desired/metadata.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

const kube::ApplyQuery kApply{.field_manager = kFieldManager};

// A stranger that has a child's name goes without our hearing of it: no watch shows it.
constexpr std::chrono::seconds kStrangerRecheck{15};

// Away, or asking for patience.
bool server_is_away(ErrorCode code) {
  return code == ErrorCode::Cancelled || code == ErrorCode::Unavailable ||
         code == ErrorCode::DeadlineExceeded || code == ErrorCode::Unauthenticated ||
         code == ErrorCode::ResourceExhausted;
}

// Something else than the API server has answered: that passes, and says nothing about what was asked for.
Error unreadable(const Error& error) { return {ErrorCode::FailedPrecondition, error.message}; }

// The object is gone or another one has its name: the caches are behind, and will bring what is true now.
Error outdated(const std::string& what) { return Error{ErrorCode::Conflict, what + " changed meanwhile"}; }

}  // namespace

// One plan being performed.
struct Executor::Run {
  const Context& ctx;
  const Team& team;
  kube::ApiClient& api;
  Caches& caches;
  const log::Logger& log;
  Outcome outcome{};

  Status operator()(const AddFinalizer& /*action*/) {
    const Json body{{"apiVersion", domain::kTeamProvisionings.api_version()},
                    {"kind", domain::kTeamProvisionings.kind},
                    {"metadata",
                     {{"name", team.meta.key.name},
                      {"namespace", team.meta.key.ns},
                      {"uid", team.meta.uid},
                      {"finalizers", Json::array({domain::kFinalizer})}}}};
    ++outcome.writes;
    TP_ASSIGN_OR_RETURN(const auto applied,
                        api.apply(ctx, domain::kTeamProvisionings, team.meta.key, json::dump(body), kApply));
    return remember(caches.teams(team.meta.key.ns), applied.object);
  }

  Status operator()(const RemoveFinalizer& /*action*/) {
    if (!outcome.errors.empty() || !outcome.stalls.empty()) return ok();  // something is still to be undone
    const std::string path = "/metadata/finalizers/" + std::to_string(team.finalizer_index);
    const Json patch = Json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", team.meta.uid}},
                                    {{"op", "test"}, {"path", path}, {"value", domain::kFinalizer}},
                                    {{"op", "remove"}, {"path", path}}});
    ++outcome.writes;
    const auto patched =
        api.patch_json(ctx, domain::kTeamProvisionings, team.meta.key, json::dump(patch), kFieldManager);
    if (patched || patched.error().code == ErrorCode::NotFound) return ok();
    if (patched.error().code == ErrorCode::InvalidArgument) return outdated("the list of finalizers");
    return patched.error();
  }

  Status operator()(const CreateServiceAccount& action) {
    Json body = action.object;
    body["metadata"]["resourceVersion"] = kube::kMustNotExist;
    ++outcome.writes;
    const auto applied = api.apply(ctx, kube::kServiceAccounts, key_of(body), json::dump(body), kApply);
    if (applied) return remember(caches.account(key_of(body).name, team.meta.key.ns), applied->object);
    if (is_taken(applied.error().code)) return ok();  // there is one, whoever made it: that is all we need
    return applied.error();
  }

  Status operator()(const ApplyChild& action) { return action.uid.empty() ? create(action) : keep(action); }

  Status operator()(const DeleteChild& action) {
    const kube::ResourceType& type = info(action.slot).type;
    return remove(type, action.key, action.uid, caches.children(type, action.key.ns));
  }

  Status operator()(const ReleaseChild& action) {
    const kube::ResourceType& type = info(action.slot).type;
    return release(type, action.key, action.uid, caches.children(type, action.key.ns));
  }

  Status operator()(const ReleaseTokenSecret& action) {
    return release(kube::kSecrets, action.key, action.uid, caches.tokens(action.key.ns));
  }

  Status operator()(const ClaimTokenSecret& action) {
    TP_ASSIGN_OR_RETURN(const Json live,
                        read(kube::kSecrets, action.key, kube::Representation::MetadataOnly));
    if (live.at("metadata").value("uid", "") != action.uid) return ok();
    const auto patch = kube::claim_patch(live, action.owner);
    if (!patch) return ok();
    ++outcome.writes;
    const auto patched = api.patch_json(ctx, kube::kSecrets, action.key, *patch, kFieldManager);
    if (patched) return remember(caches.tokens(action.key.ns), *patched);
    if (patched.error().code == ErrorCode::InvalidArgument) return outdated(describe(Action{action}));
    return patched.error();
  }

  Status operator()(const DeleteTokenSecret& action) {
    return remove(kube::kSecrets, action.key, action.uid, caches.tokens(action.key.ns));
  }

 private:
  static bool is_taken(ErrorCode code) {
    return code == ErrorCode::Conflict || code == ErrorCode::AlreadyExists;
  }

  template <class T>
  Status remember(kube::Store<T>& store, const std::string& object) {
    json::Document document;
    if (const Status parsed = document.parse(object); !parsed) return unreadable(parsed.error());
    TP_TRY(store.observe_write(document.root()));
    return ok();
  }

  template <class T>
  Status remove(const kube::ResourceType& type,
                const kube::ObjectKey& key,
                const std::string& uid,
                kube::Store<T>& store) {
    ++outcome.writes;
    const Status removed = api.remove(ctx, type, key, uid);
    if (removed) store.observe_delete(key, uid);
    // Gone already, or the name belongs to another object now: ours is gone either way.
    if (removed || removed.error().code == ErrorCode::NotFound || removed.error().code == ErrorCode::Conflict)
      return ok();
    return removed.error();
  }

  // Strips our owner reference.
  template <class T>
  Status release(const kube::ResourceType& type,
                 const kube::ObjectKey& key,
                 const std::string& uid,
                 kube::Store<T>& store) {
    const auto live = read(type, key);
    if (!live) return live.error().code == ErrorCode::NotFound ? ok() : Status{live.error()};
    if (live->at("metadata").value("uid", "") != uid) return ok();
    const auto patch = kube::release_patch(*live, team.meta.uid);
    if (!patch) return ok();
    ++outcome.writes;
    TP_ASSIGN_OR_RETURN(const std::string object, api.patch_json(ctx, type, key, *patch, kFieldManager));
    return remember(store, object);
  }

  Result<Json> read(const kube::ResourceType& type,
                    const kube::ObjectKey& key,
                    kube::Representation representation = kube::Representation::Full) {
    TP_ASSIGN_OR_RETURN(const std::string text, api.get(ctx, type, key, representation));
    auto object = json::parse(text);
    if (!object) return unreadable(object.error());
    return object;
  }

  // What was there a moment ago may have gone since: that is worth another pass, not an error to wait on.
  static Status gone_or(const Error& error, const ApplyChild& action) {
    if (error.code == ErrorCode::NotFound) return outdated(describe(Action{action}));
    return error;
  }

  Status send(const ApplyChild& action, const Json& body) {
    const kube::ResourceType& type = info(action.slot).type;
    ++outcome.writes;
    TP_ASSIGN_OR_RETURN(const auto applied, api.apply(ctx, type, key_of(body), json::dump(body), kApply));
    return remember(caches.children(type, team.meta.key.ns), applied.object);
  }

  Status create(const ApplyChild& action) {
    Json body = action.object;
    body["metadata"]["resourceVersion"] = kube::kMustNotExist;
    Status sent = send(action, body);
    if (sent || !is_taken(sent.error().code)) return sent;
    return judge(action);
  }

  Status update(const ApplyChild& action) {
    Json body = action.object;
    body["metadata"]["uid"] = action.uid;
    Status sent = send(action, body);
    if (sent || (!is_taken(sent.error().code) && sent.error().code != ErrorCode::InvalidArgument))
      return sent;
    // The same answers (409, 422) mean that the object is gone, or another: only a look tells.
    const auto live = read(info(action.slot).type, key_of(body));
    const bool still_there = live && live->at("metadata").value("uid", "") == action.uid;
    if (!still_there) return outdated(describe(Action{action}));
    if (action.adopt || sent.error().code != ErrorCode::InvalidArgument) return sent;
    // What somebody added by hand may not go together with what we apply (a second Service port of the same
    // name). Then it has to go, and for that it must be ours first.
    TP_TRY(take_over(action));
    return send(action, body);
  }

  // Something has the name that we wanted to create. Ours (its labels were stripped, so no watch shows it),
  // or a stranger?
  Status judge(const ApplyChild& action) {
    const kube::ResourceType& type = info(action.slot).type;
    const kube::ObjectKey key = key_of(action.object);
    const auto text = api.get(ctx, type, key);
    if (!text) return gone_or(text.error(), action);
    json::Document document;
    TP_TRY(document.parse(*text));
    TP_ASSIGN_OR_RETURN(const Child live, project_child(type, document.root()));
    if (live.meta.deleting) {
      return Error{ErrorCode::FailedPrecondition,
                   std::string{type.kind} + " " + key.str() + " is still being deleted"};
    }
    const bool ours =
        live.meta.controller_uid == team.meta.uid || (caches.belongs(live, team) && !live.foreign_controller);
    if (!ours) {
      outcome.stalls.push_back(
          {"Conflict",
           std::string{type.kind} + " " + key.str() +
               " exists and does not belong to this team; it is left alone. Delete or rename it"});
      outcome.again = kStrangerRecheck;
      return ok();
    }
    ApplyChild again{action.slot, action.object, live.meta.uid,
                     live.managed_by == ManagedBy::Legacy || !live.owned};
    return keep(again);
  }

  // Updates what is there, and takes it over first if somebody else has made it.
  Status keep(const ApplyChild& action) {
    if (!action.adopt) return update(action);
    TP_TRY(take_over(action));
    TP_TRY(update(action));
    outcome.adopted.push_back(std::string{info(action.slot).type.kind} + " " + key_of(action.object).str());
    return ok();
  }

  Status take_over(const ApplyChild& action) {
    const kube::ResourceType& type = info(action.slot).type;
    const kube::ObjectKey key = key_of(action.object);
    const auto live = read(type, key);
    if (!live) return gone_or(live.error(), action);
    if (live->at("metadata").value("uid", "") != action.uid) return outdated(describe(Action{action}));
    const auto patch = kube::take_over_patch(*live, kFieldManager);
    if (!patch) return ok();
    ++outcome.writes;
    const auto patched = api.patch_json(ctx, type, key, *patch, kFieldManager);
    if (patched) return ok();
    if (patched.error().code == ErrorCode::InvalidArgument)
      return outdated(describe(Action{action}));  // a failed test
    return patched.error();
  }
};

Outcome Executor::run(const Context& ctx, const Team& team, const Plan& plan, const log::Logger& log) {
  Run run{ctx, team, api_, caches_, log};
  for (const Action& action : plan.actions) {
    const unsigned writes_before = run.outcome.writes;
    const std::size_t stalls_before = run.outcome.stalls.size();
    Status done = std::visit(run, action);
    if (done) {
      const bool changed = run.outcome.writes != writes_before && run.outcome.stalls.size() == stalls_before;
      if (!changed) continue;
      run.outcome.written.push_back(kind_of(action));
      log.info(describe(action));
      continue;
    }
    Error error = std::move(done).error().wrap(describe(action));
    if (error.code == ErrorCode::InvalidArgument) {
      run.outcome.stalls.push_back({"Rejected", "the API server refused to " + error.message});
      continue;
    }
    const bool give_up = server_is_away(error.code);
    run.outcome.errors.push_back(std::move(error));
    if (give_up) break;
  }
  return std::move(run.outcome);
}

}  // namespace tp::provisioner
