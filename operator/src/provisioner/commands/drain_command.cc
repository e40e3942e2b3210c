#include "provisioner/commands/drain_command.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "domain/parse_team.h"
#include "json/document.h"
#include "json/parse.h"
#include "kube/client/list.h"
#include "provisioner/commands/session.h"
#include "provisioner/reconcile/platform_steps.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;
using Mode = DrainOptions::Mode;

constexpr std::string_view kManager = "team-operator-drain";
// Longer than a pass that has just begun takes to write the finalizer.
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::chrono::seconds kSayAgain{10};
constexpr const char* kGoing = "is being deleted";

struct Listed {
  domain::TeamProvisioning team;
  bool has_annotations = false;
};

// A team has changed or gone since it was listed: the next look tells.
bool is_outdated(const Error& error) {
  return error.code == ErrorCode::NotFound || error.code == ErrorCode::Conflict ||
         error.code == ErrorCode::InvalidArgument;
}

std::string counted(std::size_t n, const char* what) { return std::to_string(n) + " " + what; }

class Drain {
 public:
  Drain(const DrainOptions& options,
        std::stop_token stop,
        log::Sink& sink,
        const std::function<void(std::string_view)>& say)
      : options_(options), session_(std::move(stop), options.time_limit, sink), say_(say) {}

  Status run() {
    TP_TRY(session_.connect(options_.kubeconfig));
    SteadyTime said = session_.clock().now();
    while (true) {
      auto teams = list();
      if (teams) {
        TP_TRY(go_over(*teams));
        if (unfinished_.empty() && !changed_) return conclude();
      } else if (!is_retryable(teams.error().code)) {
        return teams.error();
      } else {
        unreachable_ = teams.error().message;
      }
      if (session_.clock().now() - said >= kSayAgain) {
        said = session_.clock().now();
        say_("waiting for " + counted(unfinished_.size(), "teams\n"));
      }
      if (!session_.pause(kLookAgain)) return given_up();
    }
  }

 private:
  Result<std::vector<Listed>> list() {
    std::vector<Listed> found;
    const std::vector<std::string> everywhere{""};
    for (const std::string& ns : options_.watch_namespaces.empty() ? everywhere : options_.watch_namespaces) {
      const Status listed = kube::list_all(
          session_.api(), session_.call(),
          {.type = domain::kTeamProvisionings, .ns = ns, .label_selector = options_.watch_label_selector},
          [&](std::string_view text) -> Status {
            json::Document document;
            TP_TRY(document.parse(text));
            TP_ASSIGN_OR_RETURN(domain::ParsedTeam parsed, domain::parse_team(document.root()));
            found.push_back({std::move(parsed.team), document.root()["metadata"]["annotations"].exists()});
            return ok();
          });
      // Without the definition there are no teams.
      if (!listed && listed.error().code != ErrorCode::NotFound) return listed.error();
    }
    unreachable_.clear();
    return found;
  }

  Status go_over(const std::vector<Listed>& teams) {
    std::map<std::string, std::string> unfinished;
    changed_ = false;
    for (const Listed& listed : teams) {
      const std::string name = listed.team.meta.key.str();
      Status done = ok();
      switch (drain_step(options_.mode, listed.team)) {
        case DrainStep::None: continue;
        case DrainStep::Wait: unfinished.emplace(name, kGoing); continue;
        case DrainStep::Release: done = release(listed); break;
        case DrainStep::Delete: done = remove(listed.team); break;
      }
      if (!done && !is_outdated(done.error()) && !is_retryable(done.error().code)) return done;
      if (!done) {
        unfinished.emplace(name, done.error().message);
      } else if (options_.mode == Mode::Delete) {
        unfinished.emplace(name, kGoing);
      }
      changed_ = true;
    }
    unfinished_ = std::move(unfinished);
    return ok();
  }

  Status release(const Listed& listed) {
    const domain::TeamProvisioning& team = listed.team;
    TP_TRY(session_.api().patch_json(session_.call(), domain::kTeamProvisionings, team.meta.key,
                                     json::dump(release_patch(team, listed.has_annotations)), kManager));
    ++done_;
    std::string note;
    if (team.status.platform) note += ", left in the services: " + what_is_left({team, {}});
    if (team.spec.children == domain::ChildrenPolicy::Orphan)
      note += "; its deletion takes its children too, although it says Orphan";
    say_(team.meta.key.str() + " released" + note + "\n");
    return ok();
  }

  Status remove(const domain::TeamProvisioning& team) {
    TP_TRY(session_.api().remove(session_.call(), domain::kTeamProvisionings, team.meta.key, team.meta.uid));
    ++done_;
    say_(team.meta.key.str() + " deletion requested\n");
    return ok();
  }

  Status conclude() const {
    say_(options_.mode == Mode::Delete ? counted(done_, "teams deleted; none is left\n")
                                       : counted(done_, "teams released; none holds up a deletion\n"));
    return ok();
  }

  [[nodiscard]] Error given_up() const {
    if (!unreachable_.empty()) return Error{ErrorCode::DeadlineExceeded, "out of time: " + unreachable_};
    if (unfinished_.empty()) return Error{ErrorCode::DeadlineExceeded, "out of time before a last look"};
    std::string text = "out of time; left are " + counted(unfinished_.size(), "teams");
    for (const auto& [name, why] : unfinished_) text.append("\n  ").append(name).append(": ").append(why);
    if (options_.mode == Mode::Delete)
      text += "\nDoes an operator run? Only it can take them away; or release them: team-operator drain";
    return Error{ErrorCode::DeadlineExceeded, text};
  }

  const DrainOptions& options_;
  Session session_;
  const std::function<void(std::string_view)>& say_;

  std::size_t done_ = 0;
  bool changed_ = false;                           // by the last round
  std::map<std::string, std::string> unfinished_;  // team, why
  std::string unreachable_;
};

}  // namespace

DrainStep drain_step(Mode mode, const domain::TeamProvisioning& team) noexcept {
  if (mode == Mode::Delete) return team.meta.deleting ? DrainStep::Wait : DrainStep::Delete;
  const bool may_get_it_back = !team.meta.deleting && !team.paused;
  return team.finalizer_index >= 0 || may_get_it_back ? DrainStep::Release : DrainStep::None;
}

Json release_patch(const domain::TeamProvisioning& team, bool has_annotations) {
  Json patch = Json::array();
  patch.push_back(
      {{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", team.meta.resource_version}});
  if (team.finalizer_index >= 0) {
    const std::string path = "/metadata/finalizers/" + std::to_string(team.finalizer_index);
    patch.push_back({{"op", "test"}, {"path", path}, {"value", domain::kFinalizer}});
    patch.push_back({{"op", "remove"}, {"path", path}});
  }
  if (!has_annotations)
    patch.push_back({{"op", "add"}, {"path", "/metadata/annotations"}, {"value", Json::object()}});
  std::string key{domain::kPaused};
  key.replace(key.find('/'), 1, "~1");
  patch.push_back({{"op", "add"}, {"path", "/metadata/annotations/" + key}, {"value", "true"}});
  return patch;
}

Status drain(const DrainOptions& options,
             std::stop_token stop,
             log::Sink& sink,
             const std::function<void(std::string_view)>& say) {
  return Drain{options, std::move(stop), sink, say}.run();
}

}  // namespace tp::provisioner
