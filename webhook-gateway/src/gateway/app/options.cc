#include "gateway/app/options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/env.h"
#include "gateway/event/event.h"
#include "options/log_options.h"

namespace tp::gateway {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 3> kRoles{"webhooks", "worker", "admin"};

options::Value roles(std::vector<std::string>& target) {
  options::Value value = options::list(target);
  value.set = [&target, list = std::move(value.set)](std::string_view text) -> Status {
    TP_TRY(list(text));
    for (const std::string& role : target) {
      if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end()) {
        return Error{ErrorCode::InvalidArgument,
                     "\"" + role + "\" is no role; there are webhooks, worker and admin"};
      }
    }
    return ok();
  };
  return value;
}

void add_serving(options::Table& table, ServeOptions& o) {
  table.section("Serving")
      .add({.flag = "roles",
            .default_value = "webhooks,worker,admin",
            .help =
                "What this process does: webhooks (takes events in), worker (routes them and starts runs), "
                "admin (events, replay and controls).",
            .value = roles(o.roles)})
      .add({.flag = "config",
            .metavar = "FILE",
            .help =
                "YAML file with what starts a run, generic endpoints and where signing secrets are mounted.",
            .value = options::text(o.config_file)})
      .add({.flag = "webhooks-bind-address",
            .default_value = ":8070",
            .help = "Where webhooks are taken in.",
            .value = options::address(o.webhooks_bind_address)})
      .add({.flag = "admin-bind-address",
            .default_value = ":8071",
            .help = "Where the admin API is served; the same as --webhooks-bind-address shares its listener.",
            .value = options::address(o.admin_bind_address)})
      .add({.flag = "metrics-bind-address",
            .default_value = ":8080",
            .help = "Where /metrics is served.",
            .value = options::address(o.metrics_bind_address)})
      .add({.flag = "health-probe-bind-address",
            .default_value = ":8081",
            .help = "Where /healthz and /readyz are served.",
            .value = options::address(o.health_probe_bind_address)})
      .add({.flag = "drain-timeout",
            .default_value = "10m30s",
            .help =
                "After SIGTERM: how long requests and runs in flight may take to end. The pod's grace period "
                "must be longer.",
            .value = options::duration(o.drain_timeout, seconds{1}, hours{6})})
      .add({.flag = "auto-migrate",
            .env = "ORCHESTRATOR_AUTO_CREATE_TABLES",
            .default_value = "false",
            .help = "Bring the database's schema up to date at start (needs its owner's rights); 1 and 0 are "
                    "understood too.",
            .value = {[&o](std::string_view text) -> Status {
                        if (text == "1" || text == "0") {
                          o.auto_migrate = text == "1";
                          return ok();
                        }
                        return options::boolean(o.auto_migrate).set(text);
                      },
                      "BOOL", true}});
  options::add_log(table, o.log_level, o.log_format);
}

void add_edge(options::Table& table, ServeOptions& o) {
  table.section("Edge (role webhooks)")
      .add({.flag = "io-threads",
            .default_value = "2",
            .help = "Threads that read requests and verify them.",
            .value = options::integer(o.io_threads, 1, 64)})
      .add({.flag = "connections",
            .default_value = "4096",
            .help = "Connections in all; one more is answered 503.",
            .value = options::integer(o.connections, 16, 100'000)})
      .add({.flag = "connections-per-address",
            .default_value = "0",
            .help = "Connections from one address; 0 for no limit, as behind a proxy, whose address they all "
                    "have.",
            .value = options::integer(o.connections_per_address, 0, 100'000)})
      .add({.flag = "bytes-in-flight",
            .default_value = "64",
            .metavar = "MIB",
            .help = "Budget of memory for bodies that are read or stored at one moment.",
            // Large bodies may use three quarters of it: room for GitHub's largest, of 25 MiB.
            .value = options::integer(o.bytes_in_flight, 34, 65'536)})
      .add({.flag = "trusted-proxies",
            .metavar = "CIDRS",
            .help = "Networks of the proxies whose X-Forwarded-For is believed.",
            .value = options::list(o.trusted_proxies)});
}

void add_platform(options::Table& table, ServeOptions& o) {
  table.section("Platform (roles worker and admin)")
      .add({.flag = "config-service-url",
            .env = "CONFIG_SERVICE_URL",
            .help = "The Config Service.",
            .value = options::text(o.config_service_url)})
      .add({.flag = "agent-url",
            .env = "AGENT_API_URL",
            .help = "The shared agent.",
            .value = options::text(o.agent_url)})
      .add({.flag = "agent-path",
            .default_value = "/agents/{name}/run",
            .help = "Path of a run at an agent.",
            .value = options::text(o.agent.path)})
      .add({.flag = "agent-hosts",
            .help = "Hosts that a team's agent.dedicated_service_url may name, beside its own Service; "
                    "\".example.com\" "
                    "allows all below it.",
            .value = options::list(o.agent_hosts)})
      .add({.flag = "ai-pipeline-url",
            .env = "AI_PIPELINE_API_URL",
            .help = "The AI pipeline, which the admin role can start; without it that route answers 503.",
            .value = options::text(o.ai_pipeline_url)})
      .add({.flag = "ai-pipeline-token-file",
            .env = "AI_PIPELINE_TOKEN_FILE",
            .metavar = "FILE",
            .help = "The bearer token for the AI pipeline; it is read again when it changes.",
            .value = options::text(o.ai_pipeline_token_file)})
      .add({.flag = "slack-api-url",
            .env = "SLACK_API_URL",
            .default_value = "https://slack.com/api",
            .help = "Slack's Web API.",
            .value = options::text(o.slack_api_url)})
      .add({.flag = "slack-response-origins",
            .default_value = "https://hooks.slack.com",
            .help = "Where a response_url of Slack may lead.",
            .value = options::list(o.slack_response_origins)})
      .add({.flag = "github-api-url",
            .env = "GITHUB_API_URL",
            .default_value = "https://api.github.com",
            .help = "GitHub's REST API, for the comments around a mention.",
            .value = options::text(o.github_api_url)})
      .add({.flag = "connect-to",
            .metavar = "HOST:PORT=ADDR:PORT",
            .help =
                "Connect somewhere else for a host, as curl's option does; .suffix:PORT stands for all hosts "
                "below it. For development outside of the cluster.",
            .value = options::list(o.connect_to)});
  table.add(
      {.flag = "github-bot-login",
       .default_value = "incidentfox[bot]",
       .help =
           "The agent's own account at GitHub: what was said before its last comment is not repeated to it.",
       .value = options::text(o.github_bot_login)});
  table.section("Runs (role worker)");
  const auto limits = [&](RunLimits& limit, const std::string& name, const std::string& env) {
    table
        .add({.flag = name + "-agent-timeout",
              .env = "ORCHESTRATOR_" + env + "_AGENT_TIMEOUT_SECONDS",
              .default_value = std::to_string(limit.timeout.count()),
              .metavar = "SECONDS",
              .help = "How long a run for this source may take.",
              .value = options::integer([&limit](std::int64_t n) { limit.timeout = seconds{n}; }, 1, 21'600)})
        .add({.flag = name + "-agent-max-turns",
              .env = "ORCHESTRATOR_" + env + "_AGENT_MAX_TURNS",
              .default_value = std::to_string(limit.max_turns),
              .help = "How many turns of the model it may take.",
              .value = options::integer(limit.max_turns, 1, 1'000)});
  };
  limits(o.agent.slack, "slack", "SLACK");
  limits(o.agent.github, "github", "GITHUB");
  limits(o.agent.pagerduty, "pagerduty", "PAGERDUTY");
  limits(o.agent.incidentio, "incidentio", "INCIDENTIO");
  limits(o.agent.generic, "generic", "GENERIC");
  table
      .add({.flag = "runs-in-flight",
            .default_value = "2000",
            .help = "Runs of this process at one time.",
            .value = options::integer(o.runs_in_flight, 1, 20'000)})
      .add({.flag = "team-runs-in-flight",
            .default_value = "20",
            .help = "Runs of one team at one time, over all workers.",
            .value = options::integer(o.team_limits.in_flight, 1, 10'000)})
      .add({.flag = "team-runs-per-second",
            .default_value = "1",
            .help = "Starts of one team, as a token bucket; 0 for no limit.",
            .value = options::integer(
                [&o](std::int64_t n) { o.team_limits.per_second = static_cast<double>(n); }, 0, 100'000)})
      .add({.flag = "team-runs-burst",
            .default_value = "30",
            .help = "Size of that bucket.",
            .value = options::integer(o.team_limits.burst, 1, 100'000)})
      .add({.flag = "team-runs-per-hour",
            .default_value = "60",
            .help =
                "Starts of one team in an hour; 0 for no limit. A control can set another number for a team.",
            .value = options::integer(o.team_limits.per_hour, 0, 1'000'000)})
      .add({.flag = "retry-for",
            .default_value = "6h",
            .help = "How long an event whose run is refused is tried again, from its arrival.",
            .value = options::duration(o.retry_for, seconds{1}, hours{48})})
      .add({.flag = "slack-retry-for",
            .default_value = "15m",
            .help = "The same for Slack, where a later answer helps nobody.",
            .value = options::duration(o.slack_retry_for, seconds{1}, hours{48})})
      .add({.flag = "claim-lease",
            .default_value = "30s",
            .help = "A worker that was not heard of for so long has lost its claims.",
            .value = options::duration(o.lease, seconds{1}, minutes{10})})
      .add({.flag = "payload-retention-days",
            .default_value = "14",
            .help = "How long bodies are kept.",
            .value = options::integer(o.payload_days, 1, 365)})
      .add({.flag = "event-retention-days",
            .default_value = "90",
            .help = "How long everything else about an event is kept; not less than the bodies.",
            .value = options::integer(o.event_days, 1, 3650)});
}

void add_admin(options::Table& table, ServeOptions& o) {
  table.section("Kubernetes (role admin)")
      .add({.flag = "kubeconfig",
            .env = "KUBECONFIG",
            .metavar = "FILE",
            .help = "How to reach the API server. Without it: as the pod's ServiceAccount.",
            .value = options::text(o.kubeconfig)})
      .add({.flag = "team-namespace",
            .env = "K8S_NAMESPACE",
            .default_value = "incidentfox",
            .help = "Where the TeamProvisioning of a team that has none is made.",
            .value = options::text(o.team_namespace)})
      .add({.flag = "watch-namespaces",
            .help = "Look for TeamProvisionings in these namespaces only. Without it: in all.",
            .value = options::list(o.watch_namespaces)});
  table.section("Admin API (role admin)")
      .add({.flag = "admin-auth-cache-ttl",
            .env = "ORCHESTRATOR_ADMIN_AUTH_CACHE_TTL_SECONDS",
            .default_value = "15",
            .metavar = "SECONDS",
            .help = "How long the Config Service's answer about a token is believed.",
            .value = options::integer([&o](std::int64_t n) { o.admin_cache = seconds{n}; }, 1, 300)})
      .add({.flag = "require-admin-star",
            .env = "ORCHESTRATOR_REQUIRE_ADMIN_STAR",
            .default_value = "1",
            .metavar = "0|1",
            .help = "1: only principals with admin:* are let in. 0: the permission of each route is enough.",
            .value = options::integer([&o](std::int64_t n) { o.require_admin_star = n == 1; }, 0, 1)});
  const auto row = [&](Permission permission, const std::string& flag, const std::string& env) {
    const std::string name{rule_of(permission).name};
    table.add({.flag = "required-permission-" + flag,
               .env = "ORCHESTRATOR_REQUIRED_PERMISSION_" + env,
               .default_value = name,
               .metavar = "NAME",
               .help = "Asked for in place of " + name + "; a blank asks for nothing but an administrator.",
               .value = options::text(o.required_permissions[permission])});
  };
  row(Permission::ProvisionTeam, "provision-team", "PROVISION_TEAM");
  row(Permission::ProvisionRead, "provision-read", "PROVISION_READ");
  row(Permission::AgentRun, "agent-run", "AGENT_RUN");
}

// NAME, or the content of the file that NAME_FILE names, without the line's end.
Result<std::optional<std::string>> secret_of(const options::EnvLookup& env, const std::string& name) {
  if (auto value = env(name.c_str()); value && !value->empty()) return value;
  const auto file = env((name + "_FILE").c_str());
  if (!file || file->empty()) return std::optional<std::string>{};
  auto text = read_file(*file);
  if (!text) return std::move(text).error().wrap(name + "_FILE");
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r' || text->back() == ' '))
    text->pop_back();
  return std::optional{*std::move(text)};
}

std::string conninfo_value(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

bool ServeOptions::has_role(std::string_view role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

options::Table serve_table(ServeOptions& options) {
  options::Table table{"webhook-gateway serve [flags]",
                       "Takes webhooks in, routes them and starts agent runs."};
  add_serving(table, options);
  add_edge(table, options);
  add_platform(table, options);
  add_admin(table, options);
  return table;
}

options::Table migrate_table(MigrateFlags& flags) {
  options::Table table{"webhook-gateway migrate [flags]",
                       "Makes or upgrades the tables of the gateway, in the schema \"orchestrator\"."};
  table.section("Rights")
      .add(
          {.flag = "ingest-role",
           .help = "Database role of the webhooks role; it must exist, and is given the right to add events.",
           .value = options::text(flags.ingest_role)})
      .add({.flag = "worker-role",
            .help = "Database role of the worker and admin roles; likewise.",
            .value = options::text(flags.worker_role)});
  return table;
}

Result<std::string> database_conninfo(const options::EnvLookup& env) {
  TP_ASSIGN_OR_RETURN(auto url, secret_of(env, "DATABASE_URL"));
  if (url) return *std::move(url);
  constexpr std::array<std::pair<const char*, const char*>, 5> kParts{{{"DB_HOST", "host"},
                                                                       {"DB_PORT", "port"},
                                                                       {"DB_NAME", "dbname"},
                                                                       {"DB_USER", "user"},
                                                                       {"DB_PASSWORD", "password"}}};
  if (!env("DB_HOST").has_value()) {
    return Error{ErrorCode::InvalidArgument,
                 "DATABASE_URL is not set (nor DB_HOST with DB_NAME, DB_USER, DB_PASSWORD)"};
  }
  std::string conninfo;
  for (const auto& [name, key] : kParts) {
    TP_ASSIGN_OR_RETURN(auto value, secret_of(env, name));
    if (!value && std::string_view{key} == "user") value = env("DB_USERNAME");
    if (value) conninfo += std::string{key} + "=" + conninfo_value(*value) + " ";
  }
  return conninfo;
}

Result<Credentials> credentials(const ServeOptions& options, const options::EnvLookup& env) {
  Credentials found;
  std::string problems;
  const auto miss = [&](const std::string& what) { problems += (problems.empty() ? "" : "\n") + what; };
  const auto read = [&](const std::string& name, crypto::Secret& target, bool required) {
    auto text = secret_of(env, name);
    if (!text) return miss(text.error().message);
    if (*text) target = crypto::Secret{**std::move(text)};
    if (required && target.empty()) miss(name + " (or " + name + "_FILE) is not set");
  };
  auto database = database_conninfo(env);
  if (database) {
    found.database = *std::move(database);
  } else {
    miss(database.error().message);
  }
  const bool worker = options.has_role("worker");
  if (worker || options.has_role("admin")) {
    if (options.config_service_url.empty()) miss("--config-service-url (or CONFIG_SERVICE_URL) is not set");
    if (options.agent_url.empty()) miss("--agent-url (or AGENT_API_URL) is not set");
    read("ORCHESTRATOR_INTERNAL_ADMIN_TOKEN", found.config_service_token, true);
  }
  if (worker) read("SLACK_BOT_TOKEN", found.slack_token, false);
  if (!problems.empty()) return Error{ErrorCode::InvalidArgument, problems};
  return found;
}

}  // namespace tp::gateway
