#include "gateway/admin/provisioning_events.h"

#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/thread_name.h"
#include "gateway/admin/provisioning_requests.h"
#include "gateway/event/trace.h"
#include "gateway/platform/event_log.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kRequested = "provisioning.requested";
constexpr std::string_view kRemoved = "provisioning.removed";
constexpr seconds kDatabaseDeadline{10};
constexpr seconds kRunDeadline{20};
constexpr seconds kLookEvery{1};
constexpr std::chrono::hours kRetryFor{6};
constexpr Backoff kBackoff{seconds{1}, std::chrono::minutes{2}};
constexpr std::size_t kBatch = 16;

}  // namespace

Result<ProvisioningRequest> provisioning_request_of(const StoredEvent& event, const Policy& policy) {
  const Endpoint* const endpoint = policy.endpoint(event.endpoint);
  if (endpoint == nullptr || endpoint->kind != EndpointKind::Provisioning)
    return Error{ErrorCode::InvalidArgument, "the endpoint is not one for provisioning any more"};
  TP_ASSIGN_OR_RETURN(const Json body, json::parse(event.body));
  if (!body.is_object()) return Error{ErrorCode::InvalidArgument, "the body is no object"};
  std::string kind = event.kind;
  if (endpoint->event_type.empty()) {
    if (const auto type = body.find("type"); type != body.end() && type->is_string()) kind = *type;
  }
  if (kind != kRequested && kind != kRemoved) return Error{ErrorCode::NotFound, "another kind of event"};

  Json data = body;
  if (const auto inner = body.find("data"); inner != body.end() && inner->is_object()) data = *inner;
  const Scope& scope = endpoint->scope;
  if (!data.contains("org_id") && !scope.org_id.empty()) data["org_id"] = scope.org_id;
  if (!data.contains("team_node_id") && !scope.team_node_id.empty())
    data["team_node_id"] = scope.team_node_id;
  Fields fields{json::dump(data)};
  ProvisioningRequest request =
      kind == kRequested ? provision_request(fields) : deprovision_request(fields).request;
  if (const auto refusal = fields.refusal()) return Error{ErrorCode::InvalidArgument, refusal->body};
  const TeamRef& team = request.team;
  if (!scope.covers(team.org_id, team.team_node_id) || !event.scope.covers(team.org_id, team.team_node_id))
    return Error{ErrorCode::PermissionDenied, "the team is outside of the endpoint's scope"};
  request.key = event.id.str();
  return request;
}

ProvisioningEvents::ProvisioningEvents(postgres::Pool& pool,
                                       std::string worker,
                                       std::string host,
                                       milliseconds lease,
                                       Provisioning& provisioning,
                                       const Policy& policy,
                                       const Clock& clock,
                                       Rng& rng,
                                       log::Logger log)
    : inbox_(pool, std::move(worker), std::move(host), lease),
      lease_(lease),
      provisioning_(provisioning),
      policy_(policy),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)) {}

ProvisioningEvents::~ProvisioningEvents() { stop(); }

void ProvisioningEvents::start() {
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

void ProvisioningEvents::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  // Otherwise others would wait until the lease has passed.
  static_cast<void>(inbox_.retire(Context{}.child(clock_, kDatabaseDeadline)));
}

void ProvisioningEvents::run(const std::stop_token& stop) {
  set_thread_name("provisioning");
  const Context whole{stop, SteadyTime::max(), {}};
  SteadyTime beat_at{};
  while (!stop.stop_requested()) {
    Status done = ok();
    bool more = false;
    if (clock_.now() >= beat_at) {
      done = inbox_.heartbeat(whole.child(clock_, kDatabaseDeadline));
      if (done) beat_at = clock_.now() + lease_ / 4;
    }
    if (done) {
      auto stepped = step(whole);
      more = stepped && *stepped;
      if (!stepped) done = std::move(stepped).error();
    }
    if (!done && !stop.stop_requested())
      log_.warn("provisioning events cannot be taken", {{"error", done.error()}});
    if (more) continue;
    const MutexLock lock{m_};
    static_cast<void>(pause_.wait_for(m_, stop, kLookEvery, [] { return false; }));
  }
}

Result<bool> ProvisioningEvents::step(const Context& ctx) {
  TP_ASSIGN_OR_RETURN(const auto events, inbox_.claim_received(ctx.child(clock_, kDatabaseDeadline),
                                                               Lane::Provisioning, kBatch));
  std::vector<Settlement> settlements;
  settlements.reserve(events.size());
  for (const ClaimedEvent& event : events) settlements.push_back(decide(about(ctx, event.claim.id), event));
  if (!settlements.empty()) TP_TRY(inbox_.settle(ctx.child(clock_, kDatabaseDeadline), settlements));
  return !events.empty();
}

Settlement ProvisioningEvents::decide(const Context& ctx, const ClaimedEvent& claimed) {
  const auto end = [&](State state, std::string reason) {
    return Settlement{.claim = claimed.claim, .state = state, .reason = std::move(reason)};
  };
  const log::Logger log = log_of(log_, claimed.claim.id);
  auto request = provisioning_request_of(claimed.event, policy_);
  if (!request) {
    if (request.error().code == ErrorCode::NotFound) return end(State::Ignored, "event_type");
    log.warn("a provisioning event is refused", {{"error", request.error()}});
    const bool outside = request.error().code == ErrorCode::PermissionDenied;
    return outside ? end(State::Unrouted, "outside_scope") : end(State::Dead, "malformed");
  }
  auto begun = provisioning_.begin(ctx.child(clock_, kRunDeadline), *request);
  // What was refused once is tried anew, when somebody asks for it or its time has come.
  while (begun && begun->replayed && begun->run.uid.empty()) {
    request->key = begun->run.id;
    begun = provisioning_.begin(ctx.child(clock_, kRunDeadline), *request);
  }
  if (!begun) {
    log.warn("a provisioning event must wait", {{"error", begun.error()}});
    return later(claimed, "not_available");
  }
  if (!begun->refused) return end(State::Done, "run_begun");
  log.warn("a provisioning event is refused", {{"run", begun->run.id}, {"error", *begun->refused}});
  switch (begun->refused->code) {
    case ErrorCode::NotFound: return end(State::Done, "nothing_to_remove");
    case ErrorCode::FailedPrecondition: return later(claimed, "being_deleted");
    case ErrorCode::InvalidArgument: return end(State::Dead, "rejected");
    default: return end(State::Dead, "conflict");
  }
}

Settlement ProvisioningEvents::later(const ClaimedEvent& claimed, std::string reason) {
  if (claimed.age > kRetryFor)
    return {.claim = claimed.claim, .state = State::Dead, .reason = std::move(reason)};
  return {.claim = claimed.claim,
          .state = State::Received,
          .reason = std::move(reason),
          .delay = kBackoff.delay(static_cast<unsigned>(claimed.failures) + 1, rng_),
          .failed = true};
}

}  // namespace tp::gateway
