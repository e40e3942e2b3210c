#include "gateway/admin/frame.h"

#include <algorithm>
#include <utility>

#include "gateway/admin/query.h"
#include "gateway/inbox/audit.h"
#include "gateway/inbox/event_id.h"

namespace tp::gateway {
namespace {

using std::chrono::seconds;

constexpr seconds kAuditDeadline{10};
constexpr std::size_t kLateAnswers = 10'000;
constexpr int kForbidden = 403;
constexpr std::string_view kTraceparent = "traceparent";

// One that a caller may name: logs and the audit hold it.
bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument: return 400;
    case ErrorCode::Unauthenticated: return 401;
    case ErrorCode::PermissionDenied: return kForbidden;
    default: return 502;
  }
}

}  // namespace

std::optional<http::Response> AdminCall::about(const std::string& org_id, const std::string& team_node_id) {
  if (!principal.org_id.empty() && principal.org_id != org_id)
    return admin_refusal(kForbidden, "Insufficient permissions");
  subject = {org_id, team_node_id};
  return std::nullopt;
}

std::string AdminCall::actor() const {
  for (const std::string* name : {&principal.email, &principal.subject, &principal.auth_kind}) {
    if (!name->empty()) return *name;
  }
  return "unknown";
}

struct AdminFrame::Exchange {
  std::shared_ptr<const AdminRoute> route;
  std::shared_ptr<AdminCall> call;
  SteadyTime began;
  http::Responder respond;
};

AdminFrame::AdminFrame(AdminAuth& auth, postgres::Pool& pool, const Clock& clock, Rng& rng, log::Logger log)
    : auth_(auth),
      pool_(pool),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)),
      late_answers_("admin-answers", kAuditDeadline, kLateAnswers, clock) {}

http::Routes AdminFrame::routes(const AdminRoutes& routes) {
  http::Routes served;
  for (const AdminRoute& route : routes) {
    served.push_back({.method = route.method,
                      .path = route.path,
                      .async_handler =
                          [this, shared = std::make_shared<const AdminRoute>(route)](
                              http::ServerRequest request, http::Responder respond) {
                            serve(shared, std::move(request), std::move(respond));
                          },
                      .blocks = true,
                      .answer_deadline = route.answer_within});
  }
  return served;
}

std::string AdminFrame::request_id(const http::Headers& headers) const {
  const std::string_view given = headers.find("x-request-id").value_or("");
  return is_request_id(given) ? std::string{given} : new_event_id(clock_.wall_now(), rng_).str();
}

TraceId AdminFrame::trace(const http::Headers& headers) const {
  const TraceId given =
      headers.count(kTraceparent) == 1 ? parse_traceparent(*headers.find(kTraceparent)) : TraceId{};
  return given ? given : TraceId::make(rng_);
}

void AdminFrame::serve(const std::shared_ptr<const AdminRoute>& route,
                       http::ServerRequest request,
                       http::Responder respond) {
  auto call = std::make_shared<AdminCall>();
  call->request = std::move(request);
  call->ctx = Context{}.child(clock_, route->handle_within);
  call->ctx.id = request_id(call->request.headers);
  call->ctx.trace = trace(call->request.headers);
  call->target = path_of(call->request.target);
  const auto exchange = std::make_shared<Exchange>(Exchange{route, call, clock_.now(), std::move(respond)});
  const auto now = [&](http::Response answer) {
    const Context ctx = Context{}.child(clock_, kAuditDeadline);
    finish(exchange, std::move(answer), &ctx);
  };

  auto principal = auth_.identify(call->ctx, call->request.headers, route->access);
  if (!principal) return now(admin_refusal(status_of(principal.error().code), principal.error().message));
  call->principal = *std::move(principal);
  if (const Status may = auth_.permit(call->principal, route->access); !may)
    return now(admin_refusal(status_of(may.error().code), may.error().message));
  auto path = path_parameters(route->path, path_of(call->request.target));
  if (!path) return now(admin_refusal(status_of(path.error().code), path.error().message));
  call->path = *std::move(path);
  if (route->handle) return now(judge(*call, route->handle(*call)));

  route->handle_later(call, [this, exchange](Result<http::Response> given) {
    http::Response answer = judge(*exchange->call, std::move(given));
    const auto later = [this, exchange, answer](const Context& ctx) { finish(exchange, answer, &ctx); };
    if (!late_answers_.add(later)) finish(exchange, std::move(answer), nullptr);
  });
}

http::Response AdminFrame::judge(const AdminCall& call, Result<http::Response> given) const {
  if (given) return *std::move(given);
  if (given.error().code == ErrorCode::InvalidArgument) return admin_refusal(400, given.error().message);
  // What the database says is for our log.
  log_.error("admin request failed",
             {{"request_id", call.ctx.id}, {"trace_id", call.ctx.trace.str()}, {"error", given.error()}});
  return admin_refusal(503, "database_unavailable");
}

void AdminFrame::finish(const std::shared_ptr<Exchange>& exchange,
                        http::Response answer,
                        const Context* ctx) const {
  const AdminCall& call = *exchange->call;
  const bool known = !call.principal.role.empty();
  const std::string actor = known ? call.actor() : "";
  if (known && (exchange->route->method != http::Method::Get || answer.status == kForbidden)) {
    const std::string& org = call.subject.org_id.empty() ? call.principal.org_id : call.subject.org_id;
    const AuditEntry entry{.actor = actor,
                           .org_id = org,
                           .team_node_id = call.subject.team_node_id,
                           .action = exchange->route->action,
                           .target = call.target,
                           .result = std::to_string(answer.status),
                           .request_id = call.ctx.id};
    const Status kept =
        ctx != nullptr ? audit(*ctx, pool_, entry) : Error{ErrorCode::ResourceExhausted, "too many at once"};
    if (!kept) {
      log_.error("an admin request is missing in the audit", {{"request_id", entry.request_id},
                                                              {"actor", entry.actor},
                                                              {"action", entry.action},
                                                              {"target", entry.target},
                                                              {"error", kept.error()}});
    }
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - exchange->began);
  log_.info("admin request", {{"request_id", call.ctx.id},
                              {"trace_id", call.ctx.trace.str()},
                              {"method", http::to_string(call.request.method)},
                              {"path", path_of(call.request.target)},
                              {"status", answer.status},
                              {"actor", actor},
                              {"duration_ms", took.count()}});
  answer.headers.add("X-Request-Id", call.ctx.id);
  exchange->respond(std::move(answer));
}

}  // namespace tp::gateway
