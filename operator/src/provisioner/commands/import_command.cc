#include "provisioner/commands/import_command.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "domain/parse_team.h"
#include "json/document.h"
#include "json/parse.h"
#include "kube/client/list.h"
#include "kube/runtime/work_queue.h"
#include "provisioner/app/services.h"
#include "provisioner/commands/import_report.h"
#include "provisioner/commands/import_team.h"
#include "provisioner/commands/session.h"
#include "provisioner/desired/agent.h"
#include "provisioner/desired/token_secret.h"
#include "provisioner/platform/config_document.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/plan.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;
using Output = ImportOptions::Output;
using State = TeamReport::State;

constexpr std::string_view kManager = "team-operator-import";  // of dry runs
constexpr std::string_view kTrialName = "team-operator-import";

bool is_child_kind(const kube::ResourceType& type) {
  return std::find(kOwnedKinds.begin(), kOwnedKinds.end(), type) != kOwnedKinds.end();
}

// A scale target is named by kind and name; anybody's autoscaler counts.
const Json* autoscaler_of(const Json& deployment, const std::vector<Json>& autoscalers) {
  if (deployment.is_null()) return nullptr;
  const auto found = std::find_if(autoscalers.begin(), autoscalers.end(), [&](const Json& scaler) {
    return scaler["metadata"]["namespace"] == deployment["metadata"]["namespace"] &&
           scaler.value("/spec/scaleTargetRef/kind"_json_pointer, "") == kube::kDeployments.kind &&
           scaler.value("/spec/scaleTargetRef/name"_json_pointer, "") == deployment["metadata"]["name"];
  });
  return found == autoscalers.end() ? nullptr : &*found;
}

// A resource that no API server has seen yet, as one would list it.
Json as_listed(Json manifest, std::size_t number, WallTime now) {
  manifest["metadata"]["uid"] = "import-" + std::to_string(number);
  manifest["metadata"]["resourceVersion"] = "1";
  manifest["metadata"]["creationTimestamp"] = to_rfc3339(now);
  return manifest;
}

class Import {
 public:
  Import(const ImportOptions& options, RunOptions run, std::stop_token stop, log::Sink& sink)
      : options_(options),
        run_(std::move(run)),
        session_(std::move(stop), options.time_limit, sink),
        caches_({}, run_.build) {}

  Result<Imported> run() && {
    TP_TRY(session_.connect(run_.kubeconfig));
    TP_TRY(read_cluster());
    former_ = teams_of(objects_);
    report_.findings = former_.findings;
    if (run_.build.platform) TP_TRY(read_services());
    TP_TRY(choose_teams());
    draft();
    look_ahead();
    if (options_.apply) create();
    return conclude();
  }

 private:
  // ---------------------------------------------------------------- what is there

  // As the operator's watches would, but for the namespaces of the children.
  Status read_cluster() {
    for (const Caches::Watch& watch : caches_.watches([] {})) {
      const kube::ResourceType& type = watch.selection.type;
      const bool everywhere = type == domain::kTeamProvisionings || type == domain::kAgentReleases;
      watch.collection.begin_replace();
      for (const std::string& ns : everywhere ? std::vector<std::string>{""} : options_.namespaces) {
        kube::Selection selection = watch.selection;
        selection.ns = ns;
        TP_TRY(list(selection, [&](std::string_view text) { return keep(watch, text); }));
      }
      watch.collection.end_replace("");
    }
    for (const std::string& ns : options_.namespaces) {
      TP_TRY(
          list({.type = kube::kHorizontalPodAutoscalers, .ns = ns}, [&](auto text) { return keep(text); }));
    }
    return ok();
  }

  Status keep(const Caches::Watch& watch, std::string_view text) {
    json::Document document;
    TP_TRY(document.parse(text));
    TP_TRY(watch.collection.upsert(document.root()));
    if (is_child_kind(watch.selection.type))
      objects_.push_back({watch.selection.type, document.root().to_json()});
    return ok();
  }

  Status keep(std::string_view autoscaler) {
    TP_ASSIGN_OR_RETURN(Json scaler, json::parse(autoscaler));
    autoscalers_.push_back(std::move(scaler));
    return ok();
  }

  Status list(const kube::Selection& selection, const std::function<Status(std::string_view)>& on_item) {
    Status listed = kube::list_all(session_.api(), session_.call(), selection, on_item);
    if (listed || listed.error().code != ErrorCode::NotFound) return listed;
    return std::move(listed).error().wrap("the definitions are missing, see: team-operator crds apply");
  }

  Status read_services() {
    TP_TRY(services_.connect(run_));
    ConfigService& service = services_.platform().config;
    std::set<std::string> orgs{options_.orgs.begin(), options_.orgs.end()};
    for (const auto& [ids, team] : former_.teams) {
      if (options_.orgs.empty()) orgs.insert(ids.first);
    }
    for (const std::string& team : options_.teams) {
      if (const std::size_t slash = team.find('/'); slash != std::string::npos && options_.orgs.empty())
        orgs.insert(team.substr(0, slash));
    }
    for (const std::string& org : orgs) {
      auto nodes = service.team_nodes(session_.call(), org);
      if (!nodes && nodes.error().code == ErrorCode::InvalidArgument) continue;  // no id that it could know
      if (!nodes) return std::move(nodes).error();
      for (ConfigService::Node& node : *nodes) {
        if (!is_wanted({org, node.id})) continue;
        TP_ASSIGN_OR_RETURN(ServiceTeam team, read_team(service, {org, node.id}));
        team.name = std::move(node.name);
        team.parent = std::move(node.parent);
        in_service_.emplace(TeamIds{org, node.id}, std::move(team));
      }
    }
    contested_ = contested_routing(in_service_);
    return ok();
  }

  Result<ServiceTeam> read_team(ConfigService& service, const TeamId& id) {
    ServiceTeam team;
    TP_ASSIGN_OR_RETURN(team.config, service.config(session_.call(), id));
    TP_ASSIGN_OR_RETURN(team.effective, service.effective_config(session_.call(), id));
    TP_ASSIGN_OR_RETURN(const auto tokens, service.live_tokens(session_.call(), id));
    team.live_tokens = tokens.size();
    return team;
  }

  // ---------------------------------------------------------------- what it comes to

  [[nodiscard]] bool is_wanted(const TeamIds& ids) const {
    const auto contains = [](const std::vector<std::string>& all, const std::string& one) {
      return std::find(all.begin(), all.end(), one) != all.end();
    };
    if (!options_.orgs.empty() && !contains(options_.orgs, ids.first)) return false;
    return options_.teams.empty() || contains(options_.teams, ids.second) ||
           contains(options_.teams, ids.first + "/" + ids.second);
  }

  Status choose_teams() {
    std::set<TeamIds> chosen;
    for (const auto& [ids, team] : former_.teams) {
      if (is_wanted(ids)) chosen.insert(ids);
    }
    for (const auto& [ids, team] : in_service_) chosen.insert(ids);
    for (const TeamIds& ids : chosen) report_.teams.push_back({.ids = ids});
    for (const std::string& name : options_.teams) {
      const bool found = std::any_of(chosen.begin(), chosen.end(), [&](const TeamIds& ids) {
        return name == ids.second || name == ids.first + "/" + ids.second;
      });
      if (!found) return Error{ErrorCode::NotFound, "--team: there is no " + name};
    }
    return ok();
  }

  void draft() {
    BuildContext build = run_.build;
    if (const ReleasePointer release = caches_.default_release(); release && release->errors.empty())
      build = with_release(std::move(build), release->spec);
    const ImportRules rules{options_.namespaces.front(), options_.own_routing};
    for (TeamReport& team : report_.teams) {
      if (const TeamPointer existing = resource_of(team.ids)) {
        team.key = existing->meta.key;
        team.state = State::Exists;
        continue;
      }
      FormerTeam former{.org = team.ids.first, .node = team.ids.second};
      if (const auto found = former_.teams.find(team.ids); found != former_.teams.end())
        former = found->second;
      if (const Json* scaler = autoscaler_of(former.at(Slot::AgentDeployment), autoscalers_))
        former.autoscaler = *scaler;
      const ServiceTeam* service = in_service(team.ids);
      const ServiceTeam none{.has_node = false};
      if (service == nullptr && run_.build.platform) service = &none;
      ImportedTeam made = import_team(former, service, contested_[team.ids], rules, build);
      team.findings = std::move(made.findings);
      for (Finding& taken : taken_names(team.ids, former_)) team.findings.push_back(std::move(taken));
      team.resource = std::move(made.resource);
      if (team.resource.is_null()) {
        team.state = State::Refused;
      } else {
        team.key = key_of(team.resource);
        check_name(team);
      }
    }
  }

  // Names are injective in the ids, but people choose names, too.
  void check_name(TeamReport& team) {
    const TeamPointer taken = caches_.teams(team.key.ns).get(team.key);
    if (!taken) return;
    refuse(team, "TeamProvisioning " + team.key.str() + " is that of " + taken->spec.org_id + "/" +
                     taken->spec.team_node_id + "; write this team's resource under another name");
  }

  [[nodiscard]] const ServiceTeam* in_service(const TeamIds& ids) const {
    const auto found = in_service_.find(ids);
    return found == in_service_.end() ? nullptr : &found->second;
  }

  [[nodiscard]] TeamPointer resource_of(const TeamIds& ids) const {
    domain::TeamProvisioning wanted;
    wanted.spec.org_id = ids.first;
    wanted.spec.team_node_id = ids.second;
    const std::vector<TeamPointer> found = caches_.namesakes(wanted);
    return found.empty() ? nullptr : found.front();
  }

  static void refuse(TeamReport& team, std::string why) {
    team.findings.push_back({Severity::Problem, std::move(why)});
    team.resource = nullptr;
    team.state = State::Refused;
  }

  // ---------------------------------------------------------------- what the operator would do

  void look_ahead() {
    std::size_t number = 0;
    const WallTime now = session_.clock().wall_now();
    for (TeamReport& team : report_.teams) {
      if (team.resource.is_null()) continue;
      json::Document document;
      const Status read = document.parse(json::dump(as_listed(team.resource, ++number, now)));
      if (!read || !caches_.teams(team.key.ns).observe_write(document.root()))
        refuse(team, "cannot be read back");
    }
    for (TeamReport& team : report_.teams) {
      if (!team.resource.is_null()) look_ahead(team);
    }
  }

  void look_ahead(TeamReport& team) {
    std::optional<Observed> observed = caches_.observe(team.key);
    if (!observed) return refuse(team, "cannot be read back");
    Team with_schedules = *observed->team;
    if (const ServiceTeam* service = in_service(team.ids)) {
      domain::PlatformStatus memory;
      if (const auto schedules = schedules_in(service->effective)) memory.schedules = *schedules;
      with_schedules.status.platform = std::make_shared<const domain::PlatformStatus>(std::move(memory));
    }
    observed->team = std::make_shared<const Team>(std::move(with_schedules));
    const Plan plan = make_plan(*observed, run_.build);
    for (const Stall& stall : plan.stalls) {
      if (stall.reason != "RoutingConflict") return refuse(team, stall.reason + ": " + stall.message);
      team.findings.push_back({Severity::Warning, stall.reason + ": " + stall.message});
    }
    for (const Action& action : plan.actions) foresee(action, *observed, team);
    if (plan.withdrawing)
      team.findings.push_back({Severity::Warning, "what it has of a dedicated agent will be deleted"});
    if (plan.platform) foresee_services(*observed, plan, team);
  }

  void foresee(const Action& action, const Observed& observed, TeamReport& team) {
    if (std::holds_alternative<DeleteChild>(action)) {
      team.findings.push_back({Severity::Warning, "the operator would " + describe(action)});
    } else if (const auto* const apply = std::get_if<ApplyChild>(&action); apply && !apply->uid.empty()) {
      try_takeover(*apply, observed, team);
    } else if (!std::holds_alternative<AddFinalizer>(action)) {
      team.actions.push_back(describe(action));
    }
  }

  // Under another name, as a new object: what the API server answers is what the live one will be, because
  // the operator takes over all that its former manager set.
  void try_takeover(const ApplyChild& action, const Observed& observed, TeamReport& team) {
    const kube::ResourceType& type = info(action.slot).type;
    const kube::ObjectKey key = key_of(action.object);
    const std::string object = std::string{type.kind} + " " + key.str();
    const auto live = std::find_if(objects_.begin(), objects_.end(), [&](const LiveObject& each) {
      return each.type == type && each.object["metadata"]["uid"] == action.uid;
    });
    Json trial = action.object;
    trial["metadata"]["name"] = kTrialName;
    trial["metadata"]["resourceVersion"] = kube::kMustNotExist;
    trial["metadata"].erase("ownerReferences");  // there is no such owner yet
    const auto tried =
        session_.api().apply(session_.call(), type, {observed.team->meta.key.ns, std::string{kTrialName}},
                             json::dump(trial), {.field_manager = kManager, .dry_run = true});
    const auto after = tried ? json::parse(tried->object) : Result<Json>{tried.error()};
    if (!after || live == objects_.end()) {
      const std::string why = after ? "it is gone" : after.error().message;
      team.actions.push_back("adopt " + object);
      team.findings.push_back(
          {Severity::Warning, "what would change of " + object + " cannot be told: " + why});
      return;
    }
    Takeover takeover{object, takeover_changes(type, live->object, *after)};
    for (const std::string& part : lost_parts(takeover.changes)) {
      std::string message = object;
      message.append(" loses ").append(part).append(", which a TeamProvisioning does not say");
      team.findings.push_back({Severity::Warning, std::move(message)});
    }
    team.takeovers.push_back(std::move(takeover));
  }

  void foresee_services(const Observed& observed, const Plan& plan, TeamReport& team) {
    const ServiceTeam* const service = in_service(team.ids);
    const Json live = service == nullptr ? Json::object() : service->config;
    std::string url;
    if (plan.wants(Slot::AgentService)) {
      const auto applied = std::find_if(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
        const auto* const apply = std::get_if<ApplyChild>(&action);
        return apply != nullptr && apply->slot == Slot::AgentService;
      });
      if (applied != plan.actions.end())
        url = agent_url(*observed.team, key_of(std::get<ApplyChild>(*applied).object).name, plan.agent_port);
    }
    const Json patch = patch_for(desired_config(*observed.team, observed.contested, url), live);
    for (const std::string& change : config_changes(live, patch))
      team.actions.push_back("set in the Config Service " + change);
    if (domain::platform_of(observed.team->spec).auth != domain::AuthMode::Token) return;
    const std::size_t others = service == nullptr ? 0 : service->live_tokens;
    std::string action = "issue a token into Secret " + token_secret_name(*observed.team);
    if (others == 1) action += "; its live token stays valid";
    if (others > 1) action += "; its " + std::to_string(others) + " live tokens stay valid";
    team.actions.push_back(std::move(action));
  }

  // ---------------------------------------------------------------- and the end

  void create() {
    for (TeamReport& team : report_.teams) {
      if (team.resource.is_null()) continue;
      Json body = team.resource;
      body["metadata"]["resourceVersion"] = kube::kMustNotExist;
      const auto applied =
          session_.api().apply(session_.call(), domain::kTeamProvisionings, team.key, json::dump(body),
                               {.field_manager = options_.field_manager, .force = false});
      if (applied) {
        team.state = State::Created;
        created_ += "TeamProvisioning " + team.key.str() + " created\n";
      } else if (applied.error().code == ErrorCode::Conflict ||
                 applied.error().code == ErrorCode::AlreadyExists) {
        team.state = State::Exists;
      } else {
        refuse(team, applied.error().message);
      }
    }
  }

  [[nodiscard]] Imported conclude() const {
    Imported imported;
    imported.report = to_text(report_);
    imported.outstanding = std::any_of(
        report_.teams.begin(), report_.teams.end(),
        [](const TeamReport& team) { return team.state == State::New || team.state == State::Refused; });
    if (options_.apply) {
      imported.documents = created_;
    } else if (options_.output == Output::Yaml) {
      imported.documents = to_yaml_documents(report_);
    } else if (options_.output == Output::Json) {
      imported.documents = to_json_list(report_);
    }
    return imported;
  }

  const ImportOptions& options_;
  const RunOptions run_;
  Session session_;
  kube::WorkQueue nobody_{session_.clock()};
  Services services_{session_.clock(), session_.log(), nobody_, 1};
  Caches caches_;

  std::vector<LiveObject> objects_{};
  std::vector<Json> autoscalers_{};
  FormerTeams former_{};
  std::map<TeamIds, ServiceTeam> in_service_{};
  std::map<TeamIds, ContestedRouting> contested_{};
  ImportReport report_{};
  std::string created_{};
};

}  // namespace

Result<Imported> import_teams(const ImportOptions& options, std::stop_token stop, log::Sink& sink) {
  if (options.namespaces.empty()) return Error{ErrorCode::InvalidArgument, "--namespace names no namespace"};
  TP_ASSIGN_OR_RETURN(RunOptions run, completed(options.run));
  return Import{options, std::move(run), std::move(stop), sink}.run();
}

}  // namespace tp::provisioner
