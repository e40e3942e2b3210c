#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/admin/permissions.h"
#include "gateway/inbox/allowance.h"
#include "gateway/platform/agent_request.h"
#include "log/log.h"
#include "options/options.h"

namespace tp::gateway {

// What `webhook-gateway serve` is told, by flags and environment. Credentials are apart (Credentials).
struct ServeOptions {
  std::vector<std::string> roles;
  std::string config_file;
  std::string webhooks_bind_address;
  std::string admin_bind_address;
  std::string metrics_bind_address;
  std::string health_probe_bind_address;
  std::chrono::milliseconds drain_timeout{};
  log::Level log_level = log::Level::Info;
  log::Format log_format = log::Format::Json;

  // Edge
  std::size_t io_threads = 2;
  std::size_t connections = 0;
  std::size_t connections_per_address = 0;
  std::size_t bytes_in_flight = 0;  // MiB
  std::vector<std::string> trusted_proxies;
  bool auto_migrate = false;

  // Platform
  std::string config_service_url;
  std::string agent_url;
  std::vector<std::string> agent_hosts;
  std::string ai_pipeline_url;
  std::string ai_pipeline_token_file;
  std::string slack_api_url;
  std::string github_api_url;
  std::string github_bot_login;
  std::vector<std::string> slack_response_origins;
  std::vector<std::string> connect_to;
  AgentSettings agent;

  // Work
  TeamLimits team_limits;
  std::size_t runs_in_flight = 0;
  std::chrono::milliseconds lease{};
  std::chrono::milliseconds retry_for{};
  std::chrono::milliseconds slack_retry_for{};
  int payload_days = 0;
  int event_days = 0;

  // Admin
  std::string kubeconfig;
  std::string team_namespace;
  std::vector<std::string> watch_namespaces;
  std::chrono::milliseconds admin_cache{};
  bool require_admin_star = true;
  std::map<Permission, std::string> required_permissions;

  [[nodiscard]] bool has_role(std::string_view role) const;
};

struct MigrateFlags {
  std::string ingest_role;
  std::string worker_role;
};

// The tables behind parsing, --help and docs/configuration.md. The options must outlive the table.
[[nodiscard]] options::Table serve_table(ServeOptions& options);
[[nodiscard]] options::Table migrate_table(MigrateFlags& flags);

// What must not stand on a command line: from the environment, each also as NAME_FILE.
struct Credentials {
  std::string database;  // libpq's conninfo: it may hold a password
  crypto::Secret config_service_token;
  crypto::Secret slack_token;
};

// InvalidArgument names all that the roles need and is missing, or cannot be read.
[[nodiscard]] Result<Credentials> credentials(const ServeOptions& options, const options::EnvLookup& env);
// DATABASE_URL, else DB_HOST, DB_PORT, DB_NAME, DB_USER (or DB_USERNAME) and DB_PASSWORD.
[[nodiscard]] Result<std::string> database_conninfo(const options::EnvLookup& env);

}  // namespace tp::gateway
