#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "postgres/pool.h"

namespace tp::gateway {

// Who did what, through the admin API or by an event, and what came of it.
struct AuditEntry {
  std::string actor;           // a person's or a service's name; of what nobody asked for, the program's part
  std::string org_id{};        // whom it was about, or the actor's org when that is another; empty: all
  std::string team_node_id{};  // whom it was about
  std::string action;          // such as "provision.team"
  std::string target{};        // what was asked for; never a secret
  std::string result;          // the answer's HTTP status, or a word such as "succeeded"
  std::string request_id{};    // of the call, or the run's or event's id
};

[[nodiscard]] Status audit(const Context& ctx, postgres::Pool& pool, const AuditEntry& entry);

// Which entries are looked for: those that all of it is true of. Empty fields say nothing.
struct AuditQuery {
  std::string org_id{};
  std::string team_node_id{};
  std::string actor{};
  std::string action{};
  std::optional<WallTime> from{};        // at this time or later
  std::optional<WallTime> until{};       // before this time
  std::optional<std::int64_t> before{};  // the last one of the page before
  std::size_t limit = 50;
};

struct AuditRecord {
  std::int64_t id = 0;
  WallTime at{};
  AuditEntry entry;
};

struct AuditPage {
  std::vector<AuditRecord> records;  // newest first
  bool more = false;
};

// Errors are the database's.
[[nodiscard]] Result<AuditPage> find_audit(const Context& ctx, postgres::Pool& pool, const AuditQuery& query);

}  // namespace tp::gateway
