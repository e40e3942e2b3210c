#include "gateway/admin/admin.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "gateway/admin/query.h"
#include "gateway/inbox/event_id.h"
#include "gateway/inbox/replay.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kDeadline{20};
constexpr std::string_view kEvents = "/api/v1/admin/events";
constexpr std::string_view kControls = "/api/v1/admin/controls";
constexpr std::size_t kNameBytes = 200;  // of orgs, teams and kinds; the platform's own are shorter
constexpr std::size_t kAuditBytes = 1000;
constexpr int kMaxRunsPerHour = 1'000'000;

http::Response answer(int status, const Json& body) {
  return {status, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, json::dump(body)};
}

http::Response refusal(int status, const std::string& detail) {
  http::Response response = answer(status, {{"detail", detail}});
  if (status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

// ---------------------------------------------------------------- what is sent

Json text_or_null(const std::string& text) { return text.empty() ? Json{} : Json(text); }

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(to_rfc3339_micro(*time)) : Json{};
}

Json to_json(const EventSummary& event) {
  return {{"id", event.id.str()},
          {"source", event.source},
          {"endpoint", text_or_null(event.endpoint)},
          {"kind", event.kind},
          {"provider_id", text_or_null(event.provider_id)},
          {"state", event.state},
          {"reason", text_or_null(event.reason)},
          {"org_id", text_or_null(event.org_id)},
          {"team_node_id", text_or_null(event.team_node_id)},
          {"received_at", to_rfc3339_micro(event.received_at)},
          {"due_at", time_or_null(event.due_at)},
          {"started_at", time_or_null(event.started_at)},
          {"finished_at", time_or_null(event.finished_at)},
          {"attempts", event.attempts},
          {"uncertain_attempts", event.uncertain},
          {"duplicates", event.duplicates},
          {"body_bytes", event.body_bytes}};
}

Json to_json(const AttemptSummary& attempt) {
  return {{"n", attempt.n},
          {"started_at", to_rfc3339_micro(attempt.started_at)},
          {"finished_at", time_or_null(attempt.finished_at)},
          {"agent", attempt.agent},
          {"outcome", attempt.outcome},
          {"http_status", attempt.http_status ? Json(*attempt.http_status) : Json{}},
          {"detail", text_or_null(attempt.detail)}};
}

Json to_json(const Control& control) {
  return {{"source", control.source},
          {"org_id", control.org_id},
          {"team_node_id", control.team_node_id},
          {"paused", control.paused},
          {"runs_per_hour", control.runs_per_hour ? Json(*control.runs_per_hour) : Json{}},
          {"changed_by", text_or_null(control.changed_by)},
          {"changed_at", to_rfc3339_micro(control.changed_at)}};
}

// ---------------------------------------------------------------- what is asked

Error wrong(const std::string& name, const std::string& must, const std::string& value) {
  return Error{ErrorCode::InvalidArgument,
               name + ": must be " + must + ", not \"" + value.substr(0, kNameBytes) + "\""};
}

using Query = std::map<std::string, std::string>;
// Reads one parameter into the query.
using Reader = Status (*)(const std::string& name, const std::string& value, EventQuery& query);

template <std::string EventQuery::*Member>
Status read_name(const std::string& name, const std::string& value, EventQuery& query) {
  if (value.empty() || value.size() > kNameBytes)
    return wrong(name, "a name of at most " + std::to_string(kNameBytes) + " bytes", value);
  query.*Member = value;
  return ok();
}

template <std::optional<EventId> EventQuery::*Member>
Status read_id(const std::string& name, const std::string& value, EventQuery& query) {
  if (!is_event_id(value)) return wrong(name, "an event's id", value);
  query.*Member = EventId{value};
  return ok();
}

template <std::optional<WallTime> EventQuery::*Member>
Status read_time(const std::string& name, const std::string& value, EventQuery& query) {
  query.*Member = parse_rfc3339(value);
  if (!(query.*Member)) return wrong(name, "a time such as 2026-01-31T12:00:00Z", value);
  return ok();
}

Status read_source(const std::string& name, const std::string& value, EventQuery& query) {
  query.source = parse_source(value);
  if (query.source) return ok();
  std::string names;
  for (const auto& [source, its_name] : kSourceNames)
    names.append(names.empty() ? "" : ", ").append(its_name);
  return wrong(name, "one of " + names, value);
}

Status read_states(const std::string& name, const std::string& value, EventQuery& query) {
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t end = std::min(value.find(',', at), value.size());
    const auto state = parse_state(std::string_view{value}.substr(at, end - at));
    if (!state) return wrong(name, "states, such as dead,unrouted", value);
    query.states.push_back(*state);
    at = end + 1;
  }
  return ok();
}

Status read_limit(const std::string& name, const std::string& value, EventQuery& query) {
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, query.limit);
  if (error != std::errc{} || stop != end || query.limit < 1 || query.limit > kMaxEvents)
    return wrong(name, "1 to " + std::to_string(kMaxEvents), value);
  return ok();
}

Result<EventQuery> event_query(std::string_view target) {
  static const std::map<std::string, Reader> kReaders{{"id", read_id<&EventQuery::id>},
                                                      {"cursor", read_id<&EventQuery::before>},
                                                      {"org_id", read_name<&EventQuery::org_id>},
                                                      {"team_node_id", read_name<&EventQuery::team_node_id>},
                                                      {"kind", read_name<&EventQuery::kind>},
                                                      {"source", read_source},
                                                      {"state", read_states},
                                                      {"from", read_time<&EventQuery::from>},
                                                      {"to", read_time<&EventQuery::until>},
                                                      {"limit", read_limit}};
  TP_ASSIGN_OR_RETURN(const Query parameters, query_of(target));
  EventQuery query;
  for (const auto& [name, value] : parameters) {
    const auto reader = kReaders.find(name);
    if (reader == kReaders.end())
      return Error{ErrorCode::InvalidArgument, name.substr(0, kNameBytes) + ": there is no such parameter"};
    TP_TRY(reader->second(name, value, query));
  }
  return query;
}

// The object of a request's body, in which only these members may be; of an empty body an empty one.
Result<Json> object_of(const std::string& body, std::initializer_list<std::string_view> members) {
  if (body.empty()) return Json::object();
  auto parsed = json::parse(body);
  if (!parsed || !parsed->is_object())
    return Error{ErrorCode::InvalidArgument, "the body must be a JSON object"};
  for (const auto& [name, value] : parsed->items()) {
    if (std::find(members.begin(), members.end(), name) == members.end())
      return Error{ErrorCode::InvalidArgument, name.substr(0, kNameBytes) + ": there is no such field"};
  }
  return parsed;
}

Result<bool> boolean_of(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end()) return false;
  if (!it->is_boolean())
    return Error{ErrorCode::InvalidArgument, std::string{name} + ": must be true or false"};
  return it->get<bool>();
}

Result<std::string> name_of(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return std::string{};
  const auto* const text = it->get_ptr<const std::string*>();
  if (text == nullptr || text->size() > kNameBytes || text->find('\0') != std::string::npos)
    return Error{ErrorCode::InvalidArgument, std::string{name} + ": must be a name"};
  return *text;
}

Result<Control> control_of(const std::string& body) {
  TP_ASSIGN_OR_RETURN(const Json object,
                      object_of(body, {"source", "org_id", "team_node_id", "paused", "runs_per_hour"}));
  Control control;
  TP_ASSIGN_OR_RETURN(control.source, name_of(object, "source"));
  TP_ASSIGN_OR_RETURN(control.org_id, name_of(object, "org_id"));
  TP_ASSIGN_OR_RETURN(control.team_node_id, name_of(object, "team_node_id"));
  TP_ASSIGN_OR_RETURN(control.paused, boolean_of(object, "paused"));
  if (EventQuery query; !control.source.empty()) TP_TRY(read_source("source", control.source, query));
  if (const auto it = object.find("runs_per_hour"); it != object.end() && !it->is_null()) {
    if (!it->is_number_integer() || *it < 0 || *it > kMaxRunsPerHour) {
      return Error{ErrorCode::InvalidArgument,
                   "runs_per_hour: must be null or 0 to " + std::to_string(kMaxRunsPerHour)};
    }
    control.runs_per_hour = it->get<int>();
  }
  return control;
}

std::string actor_of(const Principal& principal) {
  for (const std::string* name : {&principal.email, &principal.subject, &principal.auth_kind}) {
    if (!name->empty()) return *name;
  }
  return "unknown";
}

// What a body asked for, as it is kept.
std::string audit_text(const std::string& body) {
  const auto parsed =
      body.size() <= kAuditBytes ? json::parse(body) : Error{ErrorCode::ResourceExhausted, {}};
  return parsed ? json::dump(*parsed) : "not understood";
}

// One that a caller may name: logs and the audit hold it.
bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

struct Admin::Call {
  const http::ServerRequest& request;
  Principal principal;
  Context ctx;  // its id is the request's

  // The id in the path; none when it cannot be one.
  [[nodiscard]] std::optional<EventId> event_id() const {
    std::string_view rest = path_of(request.target);
    rest.remove_prefix(std::min(rest.size(), kEvents.size() + 1));
    std::string id{rest.substr(0, rest.find('/'))};
    std::transform(id.begin(), id.end(), id.begin(),
                   [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c; });
    if (!is_event_id(id)) return std::nullopt;
    return EventId{std::move(id)};
  }
};

Admin::Admin(AdminAuth& auth, postgres::Pool& pool, const Clock& clock, Rng& rng, log::Logger log)
    : auth_(auth),
      pool_(pool),
      search_(pool),
      controls_(pool),
      clock_(clock),
      rng_(rng),
      log_(std::move(log)) {}

http::Routes Admin::routes() {
  const auto route = [this](http::Method method, std::string path, std::string_view permission,
                            std::string_view action, Action handle) {
    return http::Route{.method = method,
                       .path = std::move(path),
                       .handler = [this, permission, action, handle](const http::ServerRequest& request) {
                         return serve(request, permission, action, handle);
                       }};
  };
  const std::string event = std::string{kEvents} + "/{id}";
  const std::string control{kControls};
  return {
      route(http::Method::Get, std::string{kEvents}, "admin:events:read", "", &Admin::events),
      route(http::Method::Get, event, "admin:events:read", "", &Admin::event),
      route(http::Method::Post, event + "/replay", "admin:events:replay", "events.replay", &Admin::replay),
      route(http::Method::Get, control, "admin:controls", "", &Admin::controls),
      route(http::Method::Put, control, "admin:controls", "controls.put", &Admin::put_control),
  };
}

http::Response Admin::serve(const http::ServerRequest& request,
                            std::string_view permission,
                            std::string_view action,
                            Action handle) {
  const std::string_view given = request.headers.find("x-request-id").value_or("");
  Context ctx = Context{}.child(clock_, kDeadline);
  ctx.id = is_request_id(given) ? std::string{given} : new_event_id(clock_.wall_now(), rng_).str();
  const auto finish = [&](http::Response response, const std::string& actor) {
    response.headers.add("X-Request-Id", ctx.id);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(ctx.deadline - clock_.now());
    log_.info("admin request", {{"request_id", ctx.id},
                                {"method", http::to_string(request.method)},
                                {"path", path_of(request.target)},
                                {"status", response.status},
                                {"actor", actor},
                                {"duration_ms", (kDeadline - took).count()}});
    return response;
  };

  auto principal = auth_.admit(ctx, request.headers, permission);
  if (!principal) {
    const ErrorCode code = principal.error().code;
    const int status = code == ErrorCode::Unauthenticated    ? 401
                       : code == ErrorCode::PermissionDenied ? 403
                                                             : 502;
    return finish(refusal(status, principal.error().message), {});
  }
  const Call call{request, *std::move(principal), ctx};
  const std::string actor = actor_of(call.principal);
  auto handled = (this->*handle)(call);
  if (!handled && handled.error().code == ErrorCode::InvalidArgument) {
    handled = refusal(400, handled.error().message);
  } else if (!handled) {
    // What the database says is for our log.
    log_.error("admin request failed", {{"request_id", ctx.id}, {"error", handled.error()}});
    handled = refusal(503, "database_unavailable");
  }
  if (!action.empty()) {
    std::string target{path_of(request.target)};
    if (handle == &Admin::put_control) target = audit_text(request.body);
    const AuditEntry entry{
        actor, call.principal.org_id, std::string{action}, std::move(target), handled->status, ctx.id};
    if (const Status kept = record(ctx, pool_, entry); !kept) {
      log_.error("an admin request is missing in the audit", {{"request_id", ctx.id},
                                                              {"actor", entry.actor},
                                                              {"action", entry.action},
                                                              {"target", entry.target},
                                                              {"error", kept.error()}});
    }
  }
  return finish(*std::move(handled), actor);
}

Result<http::Response> Admin::events(const Call& call) const {
  TP_ASSIGN_OR_RETURN(EventQuery query, event_query(call.request.target));
  const std::string& own = call.principal.org_id;
  EventPage page;
  if (own.empty() || query.org_id.empty() || query.org_id == own) {
    if (!own.empty()) query.org_id = own;
    TP_ASSIGN_OR_RETURN(page, search_.find(call.ctx, query));
  }
  Json events = Json::array();
  for (const EventSummary& event : page.events) events.push_back(to_json(event));
  return answer(200, {{"events", std::move(events)},
                      {"next_cursor", page.more ? Json(page.events.back().id.str()) : Json{}}});
}

Result<http::Response> Admin::event(const Call& call) const {
  const auto id = call.event_id();
  if (!id) return refusal(404, "there is no such event");
  TP_ASSIGN_OR_RETURN(const EventPage page,
                      search_.find(call.ctx, {.id = id, .org_id = call.principal.org_id, .limit = 1}));
  if (page.events.empty()) return refusal(404, "there is no such event");
  TP_ASSIGN_OR_RETURN(const auto attempts, search_.attempts(call.ctx, *id));
  Json body = to_json(page.events.front());
  body["attempt_log"] = Json::array();
  for (const AttemptSummary& attempt : attempts) body["attempt_log"].push_back(to_json(attempt));
  return answer(200, body);
}

Result<http::Response> Admin::replay(const Call& call) const {
  TP_ASSIGN_OR_RETURN(const Json body, object_of(call.request.body, {"force"}));
  TP_ASSIGN_OR_RETURN(const bool force, boolean_of(body, "force"));
  const auto id = call.event_id();
  if (!id) return refusal(404, "there is no such event");
  TP_ASSIGN_OR_RETURN(const EventPage page,
                      search_.find(call.ctx, {.id = id, .org_id = call.principal.org_id, .limit = 1}));
  if (page.events.empty()) return refusal(404, "there is no such event");
  TP_ASSIGN_OR_RETURN(const Replayed replayed, gateway::replay(call.ctx, pool_, *id, force));
  switch (replayed) {
    case Replayed::Started:
      return answer(202, {{"ok", true}, {"id", id->str()}, {"state", to_string(State::Received)}});
    case Replayed::StillOpen: return refusal(409, "the event has not ended yet");
    case Replayed::IsDone: return refusal(409, "the event is done; force starts another run");
    case Replayed::PayloadGone: return refusal(409, "the event's payload is not kept any more");
    case Replayed::NoSuchEvent: break;
  }
  return refusal(404, "there is no such event");
}

Result<http::Response> Admin::controls(const Call& call) const {
  TP_ASSIGN_OR_RETURN(auto controls, controls_.list(call.ctx, call.principal.org_id));
  Json list = Json::array();
  for (Control& control : controls) {
    if (control.org_id != call.principal.org_id && !call.principal.org_id.empty()) control.changed_by.clear();
    list.push_back(to_json(control));
  }
  return answer(200, {{"controls", std::move(list)}});
}

Result<http::Response> Admin::put_control(const Call& call) const {
  TP_ASSIGN_OR_RETURN(Control control, control_of(call.request.body));
  const std::string& own = call.principal.org_id;
  if (!own.empty() && control.org_id != own)
    return refusal(403, "an org's administrator changes only the controls of this org");
  control.changed_by = actor_of(call.principal);
  control.changed_at = clock_.wall_now();
  TP_TRY(controls_.put(call.ctx, control));
  return answer(200, {{"ok", true}, {"control", to_json(control)}});
}

}  // namespace tp::gateway
