#include "gateway/admin/events.h"

#include <algorithm>
#include <utility>

#include "base/time.h"
#include "gateway/admin/fields.h"
#include "gateway/admin/query.h"
#include "gateway/inbox/replay.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

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

std::vector<std::string> source_names() {
  std::vector<std::string> names;
  names.reserve(std::size(kSourceNames));
  for (const auto& [source, name] : kSourceNames) names.emplace_back(name);
  return names;
}

std::optional<EventId> event_id_of(const std::string& text) {
  std::string id = text;
  std::transform(id.begin(), id.end(), id.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c; });
  if (!is_event_id(id)) return std::nullopt;
  return EventId{std::move(id)};
}

std::optional<EventId> read_id(Query& query, const std::string& name) {
  const auto value = query.text(name);
  if (!value) return std::nullopt;
  auto id = event_id_of(*value);
  if (!id) query.wrong(name, "an event's id", *value);
  return id;
}

std::optional<SourceKind> read_source(Query& query) {
  const auto value = query.text("source");
  if (!value) return std::nullopt;
  const auto source = parse_source(*value);
  if (source) return source;
  std::string names;
  for (const std::string& name : source_names()) names += (names.empty() ? "" : ", ") + name;
  query.wrong("source", "one of " + names, *value);
  return std::nullopt;
}

std::vector<State> read_states(Query& query) {
  std::vector<State> states;
  const auto value = query.text("state");
  for (std::size_t at = 0; value && at <= value->size();) {
    const std::size_t end = std::min(value->find(',', at), value->size());
    const auto state = parse_state(std::string_view{*value}.substr(at, end - at));
    if (!state) {
      query.wrong("state", "states, such as dead,unrouted", *value);
      break;
    }
    states.push_back(*state);
    at = end + 1;
  }
  return states;
}

Result<EventQuery> event_query(std::string_view target) {
  Query query{target};
  EventQuery events{.id = read_id(query, "id"),
                    .org_id = query.name("org_id"),
                    .team_node_id = query.name("team_node_id"),
                    .source = read_source(query),
                    .kind = query.name("kind"),
                    .states = read_states(query),
                    .from = query.time("from"),
                    .until = query.time("to"),
                    .before = read_id(query, "cursor")};
  if (const auto limit = query.number("limit", 1, kMaxEvents)) events.limit = *limit;
  TP_TRY(query.end());
  return events;
}

Json event_schema(const Json& more = Json::object()) {
  const Json text = schema::or_null(schema::text());
  const Json time = schema::or_null(schema::time());
  Json fields{{"id", schema::uuid()},
              {"source", schema::text()},
              {"endpoint", text},
              {"kind", schema::text()},
              {"provider_id", text},
              {"state", schema::text()},
              {"reason", text},
              {"org_id", text},
              {"team_node_id", text},
              {"received_at", schema::time()},
              {"due_at", time},
              {"started_at", time},
              {"finished_at", time},
              {"attempts", schema::integer()},
              {"uncertain_attempts", schema::integer()},
              {"duplicates", schema::integer()},
              {"body_bytes", schema::integer()}};
  fields.update(more);
  return schema::object(std::move(fields));
}

Json attempt_schema() {
  return schema::object({{"n", schema::integer()},
                         {"started_at", schema::time()},
                         {"finished_at", schema::or_null(schema::time())},
                         {"agent", schema::text()},
                         {"outcome", schema::text()},
                         {"http_status", schema::or_null(schema::integer())},
                         {"detail", schema::or_null(schema::text())}});
}

http::Response no_such_event() { return admin_refusal(404, "there is no such event"); }

}  // namespace

AdminRoutes EventsApi::routes() const {
  const Operation::Parameter id{"id", "The event's id.", schema::text(1)};
  const Operation::Answer none{404, "There is no such event, or it is another org's.", schema::refusal()};
  return {
      {.method = http::Method::Get,
       .path = "/api/v1/admin/events",
       .access = Permission::EventsRead,
       .action = "events.list",
       .operation = {.summary = "Search events, newest first.",
                     .query = {{"id", "The event's id.", schema::uuid()},
                               {"cursor", "next_cursor of the page before.", schema::uuid()},
                               {"org_id", "The org that they are routed to.", schema::text(1, 200)},
                               {"team_node_id", "The team that they are routed to.", schema::text(1, 200)},
                               {"kind", "The sender's name of what happened.", schema::text(1, 200)},
                               {"source", "Who sent them.", schema::one_of(source_names())},
                               {"state", "States, separated by commas.", schema::text(1)},
                               {"from", "Received then or later.", schema::time()},
                               {"to", "Received before.", schema::time()},
                               {"limit", "Of this page.", schema::integer(1, kMaxEvents)}},
                     .answers = {{200, "A page of events.",
                                  schema::object({{"events", schema::list(event_schema())},
                                                  {"next_cursor", schema::or_null(schema::uuid())}})}}},
       .handle = [this](AdminCall& call) { return list(call); }},
      {.method = http::Method::Get,
       .path = "/api/v1/admin/events/{id}",
       .access = Permission::EventsRead,
       .action = "events.show",
       .operation = {.summary = "One event, and each attempt to run it.",
                     .path = {id},
                     .answers = {{200, "The event.",
                                  event_schema({{"attempt_log", schema::list(attempt_schema())}})},
                                 none}},
       .handle = [this](AdminCall& call) { return show(call); }},
      {.method = http::Method::Post,
       .path = "/api/v1/admin/events/{id}/replay",
       .access = Permission::EventsReplay,
       .action = "events.replay",
       .operation =
           {.summary = "Have an event that has ended worked on again, under the same id.",
            .path = {id},
            .body = schema::closed_object({{"force", schema::or_null(schema::boolean())}}),
            .body_required = false,
            .answers = {{202, "It begins again.",
                         schema::object(
                             {{"ok", schema::boolean()}, {"id", schema::uuid()}, {"state", schema::text()}})},
                        none,
                        {409, "It has not ended, is done, or its payload has gone.", schema::refusal()},
                        {422, "The body is not valid.", schema::invalid()}}},
       .handle = [this](AdminCall& call) { return replay(call); }},
  };
}

Result<http::Response> EventsApi::list(AdminCall& call) const {
  TP_ASSIGN_OR_RETURN(EventQuery query, event_query(call.request.target));
  const std::string& own = call.principal.org_id;
  EventPage page;
  if (own.empty() || query.org_id.empty() || query.org_id == own) {
    if (!own.empty()) query.org_id = own;
    TP_ASSIGN_OR_RETURN(page, search_.find(call.ctx, query));
  }
  Json events = Json::array();
  for (const EventSummary& event : page.events) events.push_back(to_json(event));
  return admin_answer(200, {{"events", std::move(events)},
                            {"next_cursor", page.more ? Json(page.events.back().id.str()) : Json{}}});
}

Result<std::optional<EventSummary>> EventsApi::find(AdminCall& call) const {
  const auto id = event_id_of(call.path.at("id"));
  if (!id) return std::optional<EventSummary>{};
  TP_ASSIGN_OR_RETURN(EventPage page,
                      search_.find(call.ctx, {.id = id, .org_id = call.principal.org_id, .limit = 1}));
  if (page.events.empty()) return std::optional<EventSummary>{};
  EventSummary& event = page.events.front();
  call.subject = {event.org_id, event.team_node_id};
  return std::optional{std::move(event)};
}

Result<http::Response> EventsApi::show(AdminCall& call) const {
  TP_ASSIGN_OR_RETURN(const auto event, find(call));
  if (!event) return no_such_event();
  TP_ASSIGN_OR_RETURN(const auto attempts, search_.attempts(call.ctx, event->id));
  Json body = to_json(*event);
  body["attempt_log"] = Json::array();
  for (const AttemptSummary& attempt : attempts) body["attempt_log"].push_back(to_json(attempt));
  return admin_answer(200, body);
}

Result<http::Response> EventsApi::replay(AdminCall& call) const {
  Fields fields{call.request.body};
  fields.allow_only({"force"});
  const bool force = fields.boolean("force", false);
  if (auto refusal = fields.refusal()) return *std::move(refusal);
  TP_ASSIGN_OR_RETURN(const auto event, find(call));
  if (!event) return no_such_event();
  TP_ASSIGN_OR_RETURN(const Replayed replayed, gateway::replay(call.ctx, pool_, event->id, force));
  switch (replayed) {
    case Replayed::Started:
      return admin_answer(202,
                          {{"ok", true}, {"id", event->id.str()}, {"state", to_string(State::Received)}});
    case Replayed::StillOpen: return admin_refusal(409, "the event has not ended yet");
    case Replayed::IsDone: return admin_refusal(409, "the event is done; force starts another run");
    case Replayed::PayloadGone: return admin_refusal(409, "the event's payload is not kept any more");
    case Replayed::NoSuchEvent: break;
  }
  return no_such_event();
}

}  // namespace tp::gateway
