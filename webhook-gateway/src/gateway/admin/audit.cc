#include "gateway/admin/audit.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "base/time.h"
#include "gateway/admin/query.h"
#include "gateway/inbox/audit.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxEntries = 200;

Json to_json(const AuditRecord& record) {
  const AuditEntry& entry = record.entry;
  return {{"at", to_rfc3339_micro(record.at)},
          {"actor", entry.actor},
          {"org_id", entry.org_id},
          {"team_node_id", entry.team_node_id},
          {"action", entry.action},
          {"target", entry.target},
          {"result", entry.result},
          {"request_id", entry.request_id}};
}

Json entry_schema() {
  Json fields{{"at", schema::time()}};
  for (const char* name : {"actor", "org_id", "team_node_id", "action", "target", "result", "request_id"})
    fields[name] = schema::text();
  return schema::object(std::move(fields));
}

Result<AuditQuery> audit_query(std::string_view target) {
  constexpr auto kLast = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  Query query{target};
  AuditQuery audit{.org_id = query.name("org_id"),
                   .team_node_id = query.name("team_node_id"),
                   .actor = query.name("actor"),
                   .action = query.name("action"),
                   .from = query.time("from"),
                   .until = query.time("to")};
  if (const auto cursor = query.number("cursor", 1, kLast)) audit.before = static_cast<std::int64_t>(*cursor);
  if (const auto limit = query.number("limit", 1, kMaxEntries)) audit.limit = *limit;
  TP_TRY(query.end());
  return audit;
}

Result<http::Response> list(AdminCall& call, postgres::Pool& pool) {
  TP_ASSIGN_OR_RETURN(AuditQuery query, audit_query(call.request.target));
  const std::string& own = call.principal.org_id;
  AuditPage page;
  if (own.empty() || query.org_id.empty() || query.org_id == own) {
    if (!own.empty()) query.org_id = own;
    TP_ASSIGN_OR_RETURN(page, find_audit(call.ctx, pool, query));
  }
  Json entries = Json::array();
  for (const AuditRecord& record : page.records) entries.push_back(to_json(record));
  return admin_answer(200,
                      {{"entries", std::move(entries)},
                       {"next_cursor", page.more ? Json(std::to_string(page.records.back().id)) : Json{}}});
}

}  // namespace

AdminRoutes audit_routes(postgres::Pool& pool) {
  const Json name = schema::text(1, 200);
  return {{.method = http::Method::Get,
           .path = "/api/v1/admin/audit",
           .access = Permission::AuditRead,
           .action = "audit.list",
           .operation = {.summary = "Who did what, newest first.",
                         .query = {{"org_id", "The org that it was about.", name},
                                   {"team_node_id", "The team that it was about.", name},
                                   {"actor", "Who did it.", name},
                                   {"action", "What was done, such as provision.team.", name},
                                   {"from", "Then or later.", schema::time()},
                                   {"to", "Before.", schema::time()},
                                   {"cursor", "next_cursor of the page before.", schema::text(1)},
                                   {"limit", "Of this page.", schema::integer(1, kMaxEntries)}},
                         .answers = {{200, "A page of entries.",
                                      schema::object({{"entries", schema::list(entry_schema())},
                                                      {"next_cursor", schema::or_null(schema::text())}})}}},
           .handle = [&pool](AdminCall& call) { return list(call, pool); }}};
}

}  // namespace tp::gateway
