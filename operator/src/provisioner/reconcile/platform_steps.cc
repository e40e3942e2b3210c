#include "provisioner/reconcile/platform_steps.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "provisioner/desired/agent.h"
#include "provisioner/desired/token_secret.h"
#include "provisioner/platform/config_document.h"
#include "provisioner/reconcile/release_rules.h"
#include "provisioner/reconcile/runtime_state.h"

namespace tp::provisioner {
namespace {

using domain::PlatformSpec;
using domain::PlatformStatus;
using Json = nlohmann::json;
using State = StepVerdict::State;

// Of one configuration in one pass: the service loses one of two updates that meet.
constexpr unsigned kPuts = 3;
// Of one token in one pass: the service may answer before it commits.
constexpr std::ptrdiff_t kRevocations = 2;
// Far more than the rules ever take.
constexpr unsigned kTokenSteps = 64;

TokenFacts facts_of(const Team& team, const PlatformStatus& memory, std::string held, WallTime now) {
  return {.spec = domain::platform_of(team.spec).token,
          .rotate = team.rotate_token,
          .memory = memory.token,
          .held = std::move(held),
          .now = now};
}

bool has_token(const Team& team) { return domain::platform_of(team.spec).auth == domain::AuthMode::Token; }

bool reads_schedules(const Team& team) {
  return team.spec.pipeline && team.spec.pipeline->source == domain::ScheduleSource::ConfigService;
}

bool is_bootstrapped(const Team& team) {
  const domain::BootstrapStatus& memory = domain::platform_of(team.status).bootstrap;
  return !memory.run_id.empty() && memory.last_handled_request == team.bootstrap;
}

bool has_open_intent(const domain::TokenStatus& token) { return token.intent && token.intent->open; }

Json bootstrap_body(const Team& team) {
  Json body{{"org_id", team.spec.org_id}, {"team_id", team.spec.team_node_id}};
  if (const auto& knowledge = domain::platform_of(team.spec).knowledge_base) {
    const bool empty = knowledge->seed == domain::KnowledgeSeed::Empty;
    body["knowledge_base"] = {{"seed", empty ? "empty" : "sources"}, {"sources", knowledge->sources}};
  }
  return body;
}

// One text for all that may be the matter with a service: each other text would be another write of the
// status with each attempt. The log has the rest.
StepVerdict verdict_on(const Error& error, std::string_view service) {
  switch (error.code) {
    case ErrorCode::PermissionDenied:
    case ErrorCode::Unauthenticated:
      return {State::Waiting, "NotPermitted",
              "the " + std::string{service} + " refuses the operator's principal; trying again"};
    case ErrorCode::InvalidArgument: return {State::Failed, "Rejected", error.message};
    case ErrorCode::FailedPrecondition: return {State::Waiting, "Retrying", error.message};
    default:
      return {State::Waiting, "DependencyUnavailable",
              "the " + std::string{service} + " does not answer as it should; trying again"};
  }
}

}  // namespace

bool is_settled(const Observed& observed, const Plan& plan, const std::string& url, WallTime now) {
  const Team& team = *observed.team;
  const PlatformStatus& memory = domain::platform_of(team.status);
  if (memory.published_url != url ||
      memory.synced_config != config_digest(team, observed.contested, url, plan.wants(Slot::AgentService))) {
    return false;
  }
  const HeldToken* secret = observed.token_secret(token_secret_name(team));
  const std::string held = secret == nullptr ? std::string{} : secret->id();
  if (has_token(team) && !token_settled(facts_of(team, memory, held, now))) return false;
  if (reads_schedules(team) && !memory.schedules) return false;
  return !plan.bootstrap || is_bootstrapped(team);
}

std::optional<WallTime> next_change(const Team& team) {
  if (!has_token(team)) return std::nullopt;
  return next_token_change(domain::platform_of(team.spec).token, domain::platform_of(team.status).token);
}

std::string what_is_left(const Team& team) {
  const PlatformStatus& memory = domain::platform_of(team.status);
  std::string left = "the configuration of node " + team.spec.org_id + "/" + team.spec.team_node_id;
  for (const auto& keys = memory.owned_keys; const std::string& key : keys) left += ", " + key;
  if (!memory.published_url.empty()) left += ", agent.dedicated_service_url";
  const auto add_token = [&](const std::string& id) { left += ", token " + id; };
  if (!memory.token.id.empty()) add_token(memory.token.id);
  for (const domain::RetiringToken& token : memory.token.retiring) add_token(token.id);
  return left;
}

PlatformSteps::PlatformSteps(Context ctx, Services services, const Observed& observed, Record record)
    : ctx_(std::move(ctx)),
      services_(services),
      team_(*observed.team),
      observed_(observed),
      id_{team_.spec.org_id, team_.spec.team_node_id},
      record_(std::move(record)),
      retrying_(has_open_intent(domain::platform_of(team_.status).token)) {
  report_.attention = Attention::Given;
  report_.memory = domain::platform_of(team_.status);
  facts_ = facts_of(team_, report_.memory, services_.vault.held(team_), now());
}

void PlatformSteps::provision(const Plan& plan) {
  Status configured = ensure_node();
  if (configured) configured = ensure_config(runtime_url(observed_, plan), plan.wants(Slot::AgentService));
  if (!configured) {
    report_.config = verdict_on(configured.error(), "Config Service");
    return failed(configured.error());
  }
  if (has_token(team_)) {
    if (const Status issued = ensure_token(); !issued) {
      if (!report_.token) report_.token = verdict_on(issued.error(), "Config Service");
      return failed(issued.error());
    }
  }
  if (reads_schedules(team_)) {
    if (const Status read = read_schedules(); !read) {
      report_.schedules = verdict_on(read.error(), "Config Service");
      return failed(read.error());
    }
  } else {
    report_.memory.schedules.reset();
  }
}

Status PlatformSteps::ensure_node() {
  TP_ASSIGN_OR_RETURN(const bool there, services_.config.has_node(ctx_, id_.org, id_.team));
  if (there) return ok();
  const PlatformSpec& spec = domain::platform_of(team_.spec);
  std::string parent = spec.parent_node_id;
  if (parent.empty()) {
    TP_ASSIGN_OR_RETURN(const bool root, services_.config.has_node(ctx_, id_.org, id_.org));
    if (root) parent = id_.org;
  }
  ++report_.writes;
  Status created = services_.config.create_node(ctx_, id_, parent, spec.display_name);
  if (!created && created.error().code != ErrorCode::InvalidArgument) return created;
  TP_ASSIGN_OR_RETURN(const bool there_now, services_.config.has_node(ctx_, id_.org, id_.team));
  if (there_now) return ok();  // made by us, or by somebody at the same time
  if (created) {
    return Error{ErrorCode::FailedPrecondition,
                 "the Config Service has taken the team's node and does not have it yet"};
  }
  return Error{
      ErrorCode::InvalidArgument,
      "the Config Service refuses to make the team's node" +
          (parent.empty() ? std::string{} : "; is there a node \"" + parent + "\" to be its parent?")};
}

Status PlatformSteps::put_config(const std::function<Json(const Json& live)>& patch_of) {
  for (unsigned puts = 0;; ++puts) {
    TP_ASSIGN_OR_RETURN(const Json live, services_.config.config(ctx_, id_));
    const Json patch = patch_of(live);
    PlatformStatus& memory = report_.memory;
    if (patch.empty()) {
      memory.pending_patch.clear();
      report_.config = StepVerdict{State::Done, "Synced", "the Config Service has what the team asked for"};
      return ok();
    }
    const std::string digest = digest_of(patch);
    bool pending = digest == memory.pending_patch;
    if (!pending) {
      if (puts == kPuts) {
        return Error{ErrorCode::FailedPrecondition,
                     "the Config Service says that it has taken a change, and does not have it"};
      }
      ++report_.writes;
      TP_ASSIGN_OR_RETURN(const auto put, services_.config.put_config(ctx_, id_, patch));
      pending = put == ConfigService::Put::PendingApproval;
    }
    if (!pending) continue;
    memory.pending_patch = digest;
    report_.config =
        StepVerdict{State::Waiting, "PendingApproval", "a change waits for approval in the Config Service"};
    return ok();
  }
}

Status PlatformSteps::ensure_config(const std::string& url, bool runtime) {
  const Json desired = desired_config(team_, observed_.contested, url);
  const std::vector<std::string> withdrawn = runtime ? std::vector<std::string>{} : own_urls();
  TP_TRY(put_config([&](const Json& live) {
    Json patch = patch_for(desired, live);
    const bool ours =
        std::find(withdrawn.begin(), withdrawn.end(), dedicated_url_of(live)) != withdrawn.end();
    if (ours) patch.update(withdraw_url(), true);
    return patch;
  }));
  if (report_.config->state != State::Done) return ok();

  PlatformStatus& memory = report_.memory;
  std::vector<std::string> owned = leaves_of(desired_config(team_, {}, ""));
  std::vector<std::string> released;
  std::set_difference(memory.owned_keys.begin(), memory.owned_keys.end(), owned.begin(), owned.end(),
                      std::back_inserter(released));
  if (!released.empty()) {
    std::string note = "the team's configuration keeps its values of keys that are not named any more: ";
    for (std::size_t i = 0; i < released.size(); ++i) note += (i == 0 ? "" : ", ") + released[i];
    report_.announcements.push_back({false, "ConfigKeysReleased", std::move(note)});
  }
  memory.owned_keys = std::move(owned);
  memory.synced_config = config_digest(team_, observed_.contested, url, runtime);
  memory.published_url = url;
  return ok();
}

// As fine as the status can hold it.
WallTime PlatformSteps::now() const {
  return std::chrono::floor<std::chrono::microseconds>(services_.clock.wall_now());
}

TokenFacts PlatformSteps::token_facts() {
  facts_.memory = report_.memory.token;
  facts_.held = services_.vault.held(team_);
  facts_.now = now();
  return facts_;
}

Status PlatformSteps::ensure_token() {
  bool going = true;
  for (unsigned steps = 0; going; ++steps) {
    if (steps == kTokenSteps) return Error{ErrorCode::Internal, "the token's rules do not come to an end"};
    TP_TRY(take_token_step(next_token_step(token_facts()), going));
  }
  return ok();
}

Status PlatformSteps::take_token_step(const TokenStep& step, bool& going) {
  PlatformStatus& memory = report_.memory;
  if (std::holds_alternative<ReadTokens>(step)) {
    if (memory.token.intent) {
      TP_ASSIGN_OR_RETURN(facts_.principal, services_.config.principal(ctx_));
    }
    TP_ASSIGN_OR_RETURN(facts_.live, services_.config.live_tokens(ctx_, id_));
    return ok();
  }
  if (const auto* declare = std::get_if<DeclareIntent>(&step)) {
    memory.token.intent = declare->intent;
    TP_TRY(record_(memory));
    facts_.intent_written = true;
    return ok();
  }
  if (std::holds_alternative<IssueToken>(step)) return issue();
  if (const auto* revocation = std::get_if<RevokeToken>(&step)) return revoke(revocation->id);
  if (const auto* remember = std::get_if<RememberToken>(&step)) {
    memory.token = remember->memory;
    return ok();
  }
  going = false;
  if (const auto* waiting = std::get_if<TokenWait>(&step)) {
    report_.token =
        StepVerdict{waiting->after ? State::Waiting : State::Failed, waiting->reason, waiting->message};
    if (waiting->after) wait(*waiting->after);
    return ok();
  }
  memory.token_secret = token_secret_name(team_);
  std::string message = "Secret " + memory.token_secret + " holds a live token";
  if (const std::size_t leftovers = std::get<TokenDone>(step).leftovers; leftovers > 0) {
    message += "; " + std::to_string(leftovers) +
               " more may be left over from interrupted attempts: revoke what nobody uses, or give the "
               "operator a principal of its own";
  }
  report_.token = StepVerdict{State::Done, "Issued", std::move(message)};
  return ok();
}

Status PlatformSteps::issue() {
  const auto conflict = [&] {
    report_.token = StepVerdict{State::Failed, "Conflict",
                                "Secret " + token_secret_name(team_) +
                                    " exists and does not belong to this team; it is left alone. Delete it, "
                                    "or choose another name in spec.token.secretName"};
    return Error{ErrorCode::FailedPrecondition, report_.token->message};
  };
  if (retrying_) {
    TP_ASSIGN_OR_RETURN(const bool free, services_.vault.is_free(ctx_, team_));
    if (!free) return conflict();
  }
  facts_.issued = true;
  ++report_.writes;
  TP_ASSIGN_OR_RETURN(const auto issued, services_.config.issue_token(ctx_, id_));
  facts_.live.reset();
  Status stored = services_.vault.put(ctx_, team_, issued);
  if (stored || stored.error().code != ErrorCode::AlreadyExists) return stored;
  // Nobody will ever have its text. If this fails, the intent leads to it.
  (void)services_.config.revoke_token(ctx_, id_, issued.id);
  return conflict();
}

Status PlatformSteps::revoke(const std::string& id) {
  if (std::count(revoked_.begin(), revoked_.end(), id) == kRevocations) {
    return Error{ErrorCode::FailedPrecondition,
                 "the Config Service says that it has revoked a token, and still lists it"};
  }
  ++report_.writes;
  TP_TRY(services_.config.revoke_token(ctx_, id_, id));
  revoked_.push_back(id);
  facts_.live.reset();
  return ok();
}

Status PlatformSteps::read_schedules() {
  TP_ASSIGN_OR_RETURN(const Json config, services_.config.effective_config(ctx_, id_));
  const auto schedules = schedules_in(config);
  if (!schedules) {
    report_.schedules =
        StepVerdict{State::Failed, "InvalidSchedule",
                    "the team's configuration in the Config Service: " + schedules.error().message +
                        "; the former schedules stay"};
    // None yet: then none it is, until it is mended there.
    if (!report_.memory.schedules) report_.memory.schedules.emplace();
    return ok();
  }
  report_.memory.schedules = *schedules;
  report_.schedules = StepVerdict{State::Done, "Read", "the schedules are those of the team's configuration"};
  return ok();
}

void PlatformSteps::bootstrap() {
  domain::BootstrapStatus& memory = report_.memory.bootstrap;
  if (!is_bootstrapped(team_)) {
    const Json body = bootstrap_body(team_);
    memory.key = digest_of({team_.meta.uid, team_.bootstrap, body});
    ++report_.writes;
    auto run = services_.pipeline->bootstrap(ctx_, id_.team, memory.key, body);
    if (!run) {
      report_.bootstrap = verdict_on(run.error(), "AI pipeline");
      return failed(run.error());
    }
    memory.run_id = run->run_id;
    memory.knowledge_base_namespace = run->knowledge_namespace;
    memory.last_handled_request = team_.bootstrap;
  }
  report_.bootstrap =
      StepVerdict{State::Done, "Bootstrapped", "the AI pipeline has begun run " + memory.run_id};
}

bool PlatformSteps::withdraw() {
  Status done = withdraw_tokens();
  if (done) done = withdraw_config();
  if (!done) {
    report_.config = verdict_on(done.error(), "Config Service");
    failed(done.error());
    return false;
  }
  return report_.config->state == State::Done && !report_.token;
}

Status PlatformSteps::withdraw_tokens() {
  if (domain::platform_of(team_.spec).deletion == domain::ConfigPolicy::Retain) return ok();
  for (unsigned steps = 0; steps < kTokenSteps; ++steps) {
    const TokenStep step = next_revocation_step(token_facts());
    if (std::holds_alternative<TokenDone>(step)) return ok();
    bool going = true;
    TP_TRY(take_token_step(step, going));
    if (!going) return ok();
  }
  return Error{ErrorCode::Internal, "the token's rules do not come to an end"};
}

Status PlatformSteps::withdraw_config() {
  const bool keep_runtime = team_.spec.children == domain::ChildrenPolicy::Orphan;
  const std::vector<std::string> urls = own_urls();
  return put_config([&](const Json& live) { return farewell_patch(team_, urls, keep_runtime, live); });
}

// What we may have published: our memory of it can be lost in a crash, the name of the Service cannot.
std::vector<std::string> PlatformSteps::own_urls() const {
  const Child* service = find_child(observed_, Slot::AgentService);
  const std::string name =
      service == nullptr ? default_layout(team_).name(Slot::AgentService) : service->meta.key.name;
  const domain::AgentRelease* release = release_object(observed_, domain::release_of(team_.status).active);
  const BuildContext defaults;
  const std::int64_t port =
      agent_port(team_, release == nullptr ? defaults : with_release(defaults, release->spec));
  std::vector<std::string> urls{agent_url(team_, name, port)};
  for (const std::string* url : {&report_.memory.published_url, &team_.status.service_url}) {
    if (!url->empty()) urls.push_back(*url);
  }
  return urls;
}

void PlatformSteps::failed(const Error& error) {
  if (report_.error) return;
  report_.error = error;
  // Nobody tells us when it is mended.
  if (!is_retryable(error.code) && error.code != ErrorCode::Cancelled)
    report_.error->code = ErrorCode::FailedPrecondition;
}

void PlatformSteps::wait(std::chrono::milliseconds after) {
  report_.again = report_.again ? std::min(*report_.again, after) : after;
}

}  // namespace tp::provisioner
