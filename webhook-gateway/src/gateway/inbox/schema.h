#pragma once

#include <span>
#include <string_view>

namespace tp::gateway {

// One step from an older schema to a newer one. Steps are only ever added. Each leaves the schema such that
// the release before it still works (expand and contract), because during an upgrade both run.
struct Migration {
  int version;
  std::string_view name;
  std::string_view sql;
};

// In order; versions count from 1.
[[nodiscard]] std::span<const Migration> migrations() noexcept;

// What a migration gives to the database role that the webhooks role connects as: it can add events, and can
// read nothing of them but their ids and dedupe keys. %I is the role's name.
[[nodiscard]] std::string_view ingest_grants() noexcept;
// To the one of the worker and admin roles. %I is the role's name.
[[nodiscard]] std::string_view worker_grants() noexcept;

}  // namespace tp::gateway
