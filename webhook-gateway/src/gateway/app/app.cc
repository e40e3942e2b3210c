#include "gateway/app/app.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/env.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/thread_name.h"
#include "gateway/admin/agent_runs.h"
#include "gateway/admin/audit.h"
#include "gateway/admin/auth.h"
#include "gateway/admin/controls.h"
#include "gateway/admin/events.h"
#include "gateway/admin/frame.h"
#include "gateway/admin/openapi.h"
#include "gateway/admin/pipeline.h"
#include "gateway/admin/provisioning.h"
#include "gateway/admin/provisioning_events.h"
#include "gateway/admin/sync_cronjobs.h"
#include "gateway/app/refusals.h"
#include "gateway/dispatch/worker.h"
#include "gateway/inbox/audit.h"
#include "gateway/inbox/event_id.h"
#include "gateway/inbox/migrate.h"
#include "gateway/ingest/ingest.h"
#include "gateway/platform/github_comments.h"
#include "gateway/policy/config_file.h"
#include "gateway/teams/provisioning.h"
#include "gateway/teams/run_watch.h"
#include "gateway/teams/team_cache.h"
#include "gateway/teams/team_editor.h"
#include "http/traced_client.h"
#include "http_beast/server.h"
#include "http_cpprest/client.h"
#include "http_cpprest/endpoint.h"
#include "kube/client/token_source.h"
#include "kube/cluster/cluster.h"
#include "kube/runtime/reflector.h"
#include "metrics/metrics.h"
#include "platform/call_metrics.h"
#include "platform/pipeline.h"
#include "postgres/pool.h"

namespace tp::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Requests are answered in milliseconds; a client that is slow to take its answer gets this long.
constexpr seconds kServerDrain{30};
constexpr seconds kSecretsEvery{10};
constexpr std::size_t kWorkerConnections = 12;  // to the database
constexpr std::size_t kRunConnections = 8;      // besides, held while a team's resource is written
constexpr seconds kAuditDeadline{10};
constexpr const char* kMetricsPrefix = "webhook_gateway";
// A handler of the admin API waits for the database and for the platform's services.
constexpr std::size_t kAdminHandlers = 16;

http::Response text(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

// What all roles share.
struct Base {
  Base(const ServeOptions& its_options, Credentials its_credentials, log::Sink& sink)
      : options(its_options), credentials(std::move(its_credentials)), log(sink, "webhook-gateway") {}

  [[nodiscard]] Result<std::unique_ptr<http::HttpClient>> client(http::ClientOptions client_options) const {
    client_options.connect_to = connect_to;
    client_options.user_agent = "webhook-gateway/" TP_VERSION;
    // The platform's services have certificates of the cluster's own or none; public ones those of the
    // system's roots.
    client_options.tls.system_roots = true;
    client_options.log = log.named("http");
    return http::create_client(std::move(client_options), clock);
  }

  // For the platform's own services, whose logs name the trace. What others get tells them nothing of it.
  [[nodiscard]] Result<std::unique_ptr<http::HttpClient>> service_client(
      http::ClientOptions client_options) const {
    TP_ASSIGN_OR_RETURN(auto inner, client(std::move(client_options)));
    return std::unique_ptr<http::HttpClient>{std::make_unique<http::TracedClient>(std::move(inner), rng)};
  }

  // For runs: nothing is ever sent twice.
  [[nodiscard]] Result<std::unique_ptr<http::HttpClient>> agent_client(const std::string& url) const {
    return service_client(
        {.base_url = url, .max_response_bytes = std::size_t{1} << 20U, .fresh_connection = true});
  }

  const ServeOptions& options;
  const Credentials credentials;
  SystemClock clock;
  mutable SystemRng rng;
  metrics::Registry registry;
  const log::Logger log;
  std::vector<http::ConnectTo> connect_to;
  ConfigFile config;
};

// Takes events in.
class WebhooksRole {
 public:
  explicit WebhooksRole(Base& base) : base_(base) {}

  Status start(std::function<void()> wake) {
    TP_ASSIGN_OR_RETURN(auto environment, environment_secrets(env_var));
    std::vector<SecretFile> files = base_.config.secrets;
    files.insert(files.end(), environment.files.begin(), environment.files.end());
    secrets_.emplace(std::move(files), std::move(environment.values), base_.config.policy);
    reload_secrets();

    std::vector<http::Network> proxies;
    for (const std::string& network : base_.options.trusted_proxies) {
      auto parsed = http::Network::parse(network);
      if (!parsed) return std::move(parsed).error().wrap("--trusted-proxies");
      proxies.push_back(*std::move(parsed));
    }
    writer_.emplace(InboxWriter::Options{.conninfo = base_.credentials.database}, base_.clock, base_.rng,
                    base_.registry, base_.log.named("inbox"));
    writer_->on_stored(std::move(wake));
    ingest_.emplace(base_.config.policy, *secrets_, *writer_, Ingest::Settings{std::move(proxies), {}},
                    base_.clock, base_.registry, base_.log.named("ingest"));
    reloader_ = std::jthread{[this](const std::stop_token& stop) {
      set_thread_name("secrets");
      Wake never;
      for (never.pause(stop, kSecretsEvery); !stop.stop_requested(); never.pause(stop, kSecretsEvery))
        reload_secrets();
    }};
    return ok();
  }

  [[nodiscard]] http::Routes routes() { return ingest_->routes(); }

 private:
  void reload_secrets() {
    const Secrets::Reloaded reloaded = secrets_->reload();
    for (const std::string& warning : reloaded.warnings)
      base_.log.warn("signing secrets", {{"problem", warning}});
    if (reloaded.changed) base_.log.info("signing secrets were read");
  }

  Base& base_;
  std::optional<Secrets> secrets_;
  std::optional<InboxWriter> writer_;
  std::optional<Ingest> ingest_;
  std::jthread reloader_;
};

// What the worker and admin roles know of the platform.
struct Platform {
  explicit Platform(const Base& base) : admin_token(base.credentials.config_service_token) {}

  Status connect(Base& base) {
    auto client = base.service_client({.base_url = base.options.config_service_url,
                                       .max_response_bytes = ConfigService::kMaxAnswerBytes,
                                       .max_concurrent = ConfigService::kMaxConcurrent});
    if (!client) return std::move(client).error().wrap("--config-service-url");
    config_client = *std::move(client);
    service.emplace(*config_client, admin_token, base.clock,
                    platform::count_calls(base.registry, kMetricsPrefix, "config_service"));
    directory.emplace(*service, base.clock);
    // A wrong address is to be told at start and not by the first event.
    if (const auto agent = http::parse_origin(base.options.agent_url); !agent)
      return Error{agent.error()}.wrap("--agent-url");
    return ok();
  }

  kube::FixedTokenSource admin_token;
  std::unique_ptr<http::HttpClient> config_client;
  std::optional<ConfigService> service;
  std::optional<Directory> directory;
};

// Routes events and starts runs.
class WorkerRole {
 public:
  WorkerRole(Base& base, Platform& platform, postgres::Pool& pool, Wake& new_events)
      : base_(base),
        platform_(platform),
        worker_id_(new_event_id(base.clock.wall_now(), base.rng).str()),
        inbox_(pool, worker_id_, env_var("HOSTNAME").value_or(""), base.options.lease),
        new_events_(new_events) {}

  Status start() {
    const ServeOptions& options = base_.options;
    TP_TRY(connect());
    const SlackApi* slack = slack_ ? &*slack_ : nullptr;
    notifier_.emplace(*platform_.service, slack, base_.clock, base_.log.named("notifier"));
    interactions_.emplace(*platform_.service, slack, *responses_, base_.log.named("interactions"));
    settler_.emplace(
        inbox_, [this] { due_teams_(); }, base_.clock, base_.rng, base_.registry, base_.log.named("settler"));
    dispatcher_.emplace(
        Dispatcher::Settings{.team = options.team_limits,
                             .runs_in_flight = options.runs_in_flight,
                             .agent = options.agent,
                             .urls = {options.agent_url, options.agent_hosts},
                             .slack_token = base_.credentials.slack_token},
        [this](const std::string& url) { return base_.agent_client(url); }, inbox_, *platform_.directory,
        &*github_, *notifier_, *settler_, base_.config.policy, base_.clock, base_.rng, base_.registry,
        base_.log.named("dispatch"));
    router_.emplace(
        Router::Settings{.retry_for = std::chrono::ceil<seconds>(options.retry_for),
                         .slack_retry_for = std::chrono::ceil<seconds>(options.slack_retry_for)},
        inbox_, *platform_.directory, *interactions_, *notifier_, *settler_, base_.config.policy,
        [this] { due_teams_(); }, base_.clock, base_.rng, base_.log.named("route"));
    resolver_.emplace(inbox_, *platform_.service, *notifier_, *settler_, base_.config.policy, base_.clock,
                      base_.rng, base_.log.named("resolve"));
    worker_.emplace(
        Worker::Settings{
            .lease = options.lease, .payload_days = options.payload_days, .event_days = options.event_days},
        Worker::Wakes{new_events_, due_teams_}, inbox_, *router_, *dispatcher_, *resolver_, *settler_,
        base_.clock, base_.rng, base_.registry, base_.log.named("worker"));
    worker_->start();
    base_.log.info("worker starts", {{"worker", worker_id_}});
    return ok();
  }

  [[nodiscard]] Status drain(const Context& ctx) { return worker_->drain(ctx); }

 private:
  Status connect() {
    const ServeOptions& options = base_.options;
    auto slack_client = base_.client({.base_url = options.slack_api_url});
    if (!slack_client) return std::move(slack_client).error().wrap("--slack-api-url");
    slack_client_ = *std::move(slack_client);
    if (!base_.credentials.slack_token.empty()) {
      slack_.emplace(*slack_client_, base_.credentials.slack_token, base_.clock);
    } else {
      base_.log.warn("SLACK_BOT_TOKEN is not set: no notices are posted and no dialogs are opened");
    }
    auto github_client = base_.client({.base_url = options.github_api_url});
    if (!github_client) return std::move(github_client).error().wrap("--github-api-url");
    github_client_ = *std::move(github_client);
    github_.emplace(*github_client_, options.github_bot_login, base_.clock);
    SlackResponses::Origins origins;
    for (const std::string& origin : options.slack_response_origins) {
      auto client = base_.client({.base_url = origin});
      if (!client) return std::move(client).error().wrap("--slack-response-origins");
      response_clients_.push_back(*std::move(client));
      origins.emplace_back(origin, response_clients_.back().get());
    }
    responses_.emplace(origins, base_.clock);
    return ok();
  }

  Base& base_;
  Platform& platform_;
  const std::string worker_id_;
  Inbox inbox_;
  Wake& new_events_;
  Wake due_teams_;
  std::unique_ptr<http::HttpClient> slack_client_;
  std::unique_ptr<http::HttpClient> github_client_;
  std::vector<std::unique_ptr<http::HttpClient>> response_clients_;
  std::optional<SlackApi> slack_;
  std::optional<SlackResponses> responses_;
  std::optional<GitHubComments> github_;
  std::optional<Notifier> notifier_;
  std::optional<Interactions> interactions_;
  std::optional<Settler> settler_;
  std::optional<Dispatcher> dispatcher_;
  std::optional<Router> router_;
  std::optional<Resolver> resolver_;
  std::optional<Worker> worker_;
};

// The TeamProvisionings, and what the admin API does with them.
class Teams {
 public:
  Teams(Base& base, postgres::Pool& pool)
      : base_(base),
        log_(base.log.named("teams")),
        runs_pool_(base.credentials.database, kRunConnections, base.clock),
        runs_(runs_pool_),
        pool_(pool) {}
  ~Teams() {
    if (events_) events_->stop();
    reflectors_.clear();
    if (watch_) watch_->stop();
  }
  Teams(const Teams&) = delete;
  Teams& operator=(const Teams&) = delete;

  // Without Kubernetes everything else goes on: its routes say that it is missing.
  Status start() {
    const ServeOptions& options = base_.options;
    const auto config = kube::find_config(options.kubeconfig);
    if (!config && !options.kubeconfig.empty()) return Error{config.error()}.wrap("--kubeconfig");
    if (config) {
      TP_ASSIGN_OR_RETURN(cluster_,
                          kube::Cluster::connect(*config, "webhook-gateway/" TP_VERSION, base_.clock,
                                                 base_.log.named("kubernetes"), base_.registry));
    } else {
      cluster_ = kube::Cluster::none(config.error(), base_.clock);
      missing_ = "no Kubernetes: " + config.error().message;
      log_.warn("there is no Kubernetes: teams cannot be provisioned", {{"reason", config.error()}});
    }
    cache_.emplace(options.watch_namespaces);
    watch_.emplace(
        *cache_, runs_, pool_, cluster_->api(), [this](const ProvisioningRun& run) { note_end(run); },
        base_.clock, log_);
    editor_.emplace(cluster_->api(), *cache_, options.team_namespace);
    provisioning_.emplace(*cache_, *editor_, runs_, *watch_, base_.clock, base_.rng);
    api_.emplace(*provisioning_, runs_, *watch_, *cache_, cluster_->api(), base_.clock, log_);
    watch_->start();
    if (!config) return ok();
    events_.emplace(pool_, new_event_id(base_.clock.wall_now(), base_.rng).str(),
                    env_var("HOSTNAME").value_or(""), options.lease, *provisioning_, base_.config.policy,
                    base_.clock, base_.rng, log_);
    events_->start();
    for (TeamCache::Watch& watch : cache_->watches()) {
      reflectors_.push_back(std::make_unique<kube::Reflector>(
          cluster_->api(), watch.selection, watch.collection, cluster_->recovery(), base_.clock, base_.rng,
          log_.named("watch"), base_.registry));
      reflectors_.back()->start();
    }
    return ok();
  }

  [[nodiscard]] AdminRoutes routes() {
    AdminRoutes routes = api_->routes();
    const AdminRoutes sync =
        sync_cronjobs_routes(sync_by_operator(*cache_, *provisioning_, *watch_, base_.clock));
    routes.insert(routes.end(), sync.begin(), sync.end());
    return routes;
  }

  // What is missing to serve requests about teams; empty: nothing.
  [[nodiscard]] std::string missing() const {
    if (!missing_.empty()) return missing_;
    return cache_->synced() ? "" : "the TeamProvisionings have not been listed yet";
  }
  void let_go() { watch_->let_go(); }

 private:
  // Its end can be looked up, by whomever it was asked for.
  void note_end(const ProvisioningRun& run) {
    const Status kept = audit(Context{}.child(base_.clock, kAuditDeadline), pool_,
                              {.actor = "team-operator",
                               .org_id = run.team.org_id,
                               .team_node_id = run.team.team_node_id,
                               .action = "run." + std::string{to_string(run.kind)},
                               .target = run.error,
                               .result = std::string{to_string(run.status)},
                               .request_id = run.id});
    if (!kept)
      log_.error("the end of a run is missing in the audit", {{"run", run.id}, {"error", kept.error()}});
    log_.info("run ended", {{"run", run.id}, {"status", to_string(run.status)}});
  }

  Base& base_;
  const log::Logger log_;
  postgres::Pool runs_pool_;
  ProvisioningRuns runs_;
  postgres::Pool& pool_;
  std::string missing_;
  std::unique_ptr<kube::Cluster> cluster_;
  std::optional<TeamCache> cache_;
  std::optional<RunWatch> watch_;
  std::optional<TeamEditor> editor_;
  std::optional<Provisioning> provisioning_;
  std::optional<ProvisioningApi> api_;
  std::optional<ProvisioningEvents> events_;
  std::vector<std::unique_ptr<kube::Reflector>> reflectors_;
};

// The admin API.
class AdminRole {
 public:
  AdminRole(Base& base, Platform& platform, postgres::Pool& pool)
      : base_(base),
        pool_(pool),
        auth_([&platform](const Context& ctx,
                          const crypto::Secret& token) { return platform.service->auth_me(ctx, token); },
              {.cache = base.options.admin_cache,
               .require_star = base.options.require_admin_star,
               .required = base.options.required_permissions},
              base.clock),
        frame_(auth_, pool, base.clock, base.rng, base.log.named("admin")),
        events_(pool),
        controls_(pool, base.clock),
        agent_runs_(
            {.agent = base.options.agent, .urls = {base.options.agent_url, base.options.agent_hosts}},
            [&base](const std::string& url) { return base.agent_client(url); },
            *platform.directory,
            *platform.service,
            pool,
            base.clock,
            base.rng,
            base.log.named("agent-runs")),
        teams_(base, pool) {}

  Status start() {
    const ServeOptions& options = base_.options;
    TP_TRY(teams_.start());
    if (options.ai_pipeline_url.empty()) return ok();
    auto client = base_.service_client({.base_url = options.ai_pipeline_url});
    if (!client) return std::move(client).error().wrap("--ai-pipeline-url");
    pipeline_client_ = *std::move(client);
    if (options.ai_pipeline_token_file.empty()) {
      pipeline_token_ = std::make_unique<kube::FixedTokenSource>(crypto::Secret{});
    } else {
      pipeline_token_ = std::make_unique<kube::FileTokenSource>(options.ai_pipeline_token_file, base_.clock,
                                                                base_.log.named("ai-pipeline"));
    }
    pipeline_.emplace(*pipeline_client_, *pipeline_token_, base_.clock,
                      platform::count_calls(base_.registry, kMetricsPrefix, "ai_pipeline"));
    return ok();
  }

  [[nodiscard]] http::Routes routes() {
    AdminRoutes routes;
    for (const AdminRoutes& part :
         {events_.routes(), controls_.routes(), audit_routes(pool_), agent_runs_.routes(),
          pipeline_routes(pipeline_ ? &*pipeline_ : nullptr), teams_.routes()})
      routes.insert(routes.end(), part.begin(), part.end());
    http::Routes served = frame_.routes(routes);
    served.push_back(openapi_route(routes));
    return served;
  }

  [[nodiscard]] std::string missing() const { return teams_.missing(); }
  // Nobody waits any longer for the end of a run.
  void let_go() { teams_.let_go(); }

 private:
  Base& base_;
  postgres::Pool& pool_;
  AdminAuth auth_;
  AdminFrame frame_;
  EventsApi events_;
  ControlsApi controls_;
  AgentRunsApi agent_runs_;
  std::unique_ptr<http::HttpClient> pipeline_client_;
  std::unique_ptr<http::TokenSource> pipeline_token_;
  std::optional<platform::PipelineClient> pipeline_;
  Teams teams_;
};

// Everything that runs, in the order of its start; destruction is the opposite.
class App {
 public:
  App(const ServeOptions& options, Credentials credentials, log::Sink& sink)
      : base_(options, std::move(credentials), sink),
        pool_(base_.credentials.database, kWorkerConnections, base_.clock),
        platform_(base_) {}

  Status start(const std::stop_token& stop) {
    const ServeOptions& options = base_.options;
    if (!options.config_file.empty()) {
      TP_ASSIGN_OR_RETURN(base_.config, load_config(options.config_file));
    }
    TP_ASSIGN_OR_RETURN(base_.connect_to, http::parse_connect_to(options.connect_to));
    TP_TRY(serve_health());
    base_.log.info("gateway starts", {{"version", TP_VERSION}});
    TP_TRY(wait_for_schema(stop));
    if (stop.stop_requested()) return ok();

    http::Routes webhook_routes;
    http::Routes admin_routes;
    if (options.has_role("worker") || options.has_role("admin")) TP_TRY(platform_.connect(base_));
    if (options.has_role("webhooks")) {
      webhooks_.emplace(base_);
      TP_TRY(webhooks_->start([this] { new_events_(); }));
      webhook_routes = webhooks_->routes();
    }
    if (options.has_role("worker")) {
      worker_.emplace(base_, platform_, pool_, new_events_);
      TP_TRY(worker_->start());
    }
    if (options.has_role("admin")) {
      admin_.emplace(base_, platform_, pool_);
      TP_TRY(admin_->start());
      admin_routes = admin_->routes();
    }
    TP_TRY(listen(std::move(webhook_routes), std::move(admin_routes)));
    ready_.store(true);
    base_.log.info("ready");
    return ok();
  }

  // What was accepted is answered, runs in flight end, the rest is given back.
  Status drain() {
    ready_.store(false);
    base_.log.info("draining");
    const Context all = Context{}.child(base_.clock, base_.options.drain_timeout);
    if (admin_) admin_->let_go();
    Status drained = ok();
    for (const auto& server : public_servers_) {
      if (Status closed = server->drain(all.child(base_.clock, kServerDrain)); !closed)
        drained = std::move(closed);
    }
    if (worker_) {
      if (Status ended = worker_->drain(all); !ended) drained = std::move(ended);
    }
    if (!drained) base_.log.warn("the drain ended early", {{"error", drained.error()}});
    base_.log.info("stopped");
    return ok();
  }

 private:
  // Waits for the database and its schema; says once what is missing.
  Status wait_for_schema(const std::stop_token& stop) {
    const Context whole{stop, SteadyTime::max(), {}};
    Wake never;
    std::string told;
    while (!stop.stop_requested()) {
      const Context ctx = whole.child(base_.clock, seconds{10});
      const auto look = [&]() -> Status {
        TP_ASSIGN_OR_RETURN(const auto database, pool_.acquire(ctx));
        if (base_.options.auto_migrate) TP_TRY(migrate(ctx, *database.operator->(), {}));
        return check_schema(ctx, *database.operator->());
      };
      const Status found = look();
      if (found) return ok();
      if (told != found.error().message) base_.log.warn("not ready", {{"reason", found.error().message}});
      told = found.error().message;
      {
        const MutexLock lock{m_};
        not_ready_because_ = told;
      }
      never.pause(stop, seconds{1});
    }
    return ok();
  }

  Status serve_health() {
    http::Routes metrics{{http::Method::Get, "/metrics", [this](const http::ServerRequest& /*request*/) {
                            return http::Response{
                                200,
                                {{"Content-Type", std::string{metrics::Registry::kContentType}}},
                                base_.registry.expose()};
                          }}};
    http::Routes health{{http::Method::Get, "/healthz",
                         [](const http::ServerRequest& /*request*/) { return text(200, "ok\n"); }},
                        {http::Method::Get, "/readyz",
                         [this](const http::ServerRequest& /*request*/) { return readiness(); }}};
    const ServeOptions& options = base_.options;
    if (options.metrics_bind_address == options.health_probe_bind_address) {
      health.insert(health.end(), metrics.begin(), metrics.end());
    } else {
      TP_TRY(add_server(private_servers_, options.metrics_bind_address, std::move(metrics), {}, "metrics"));
    }
    return add_server(private_servers_, options.health_probe_bind_address, std::move(health), {}, "health");
  }

  Status listen(http::Routes webhook_routes, http::Routes admin_routes) {
    const ServeOptions& options = base_.options;
    http::ServerLimits edge{.connections = options.connections,
                            .connections_per_peer = options.connections_per_address,
                            .io_threads = options.io_threads,
                            .bytes_in_flight = options.bytes_in_flight << 20U};
    // A client has 5 s to begin, and half a minute for the largest body.
    edge.header_deadline = seconds{5};
    edge.request_deadline = seconds{30};
    if (options.webhooks_bind_address == options.admin_bind_address) {
      webhook_routes.insert(webhook_routes.end(), admin_routes.begin(), admin_routes.end());
      admin_routes.clear();
    }
    for (auto* routes : {&webhook_routes, &admin_routes}) {
      if (routes->empty()) continue;
      // The former service's probe.
      routes->push_back(
          {http::Method::Get, "/health", [](const http::ServerRequest& /*request*/) {
             return http::Response{200, {{"Content-Type", "application/json"}}, R"({"status":"ok"})"};
           }});
    }
    if (!webhook_routes.empty()) {
      TP_TRY(add_server(public_servers_, options.webhooks_bind_address, std::move(webhook_routes), edge,
                        "webhooks", count_refusals(base_.registry, "webhooks")));
    }
    if (!admin_routes.empty()) {
      TP_TRY(add_server(public_servers_, options.admin_bind_address, std::move(admin_routes),
                        {.handlers = kAdminHandlers}, "admin", count_refusals(base_.registry, "admin")));
    }
    return ok();
  }

  using Servers = std::vector<std::unique_ptr<http::Server>>;

  Status add_server(Servers& servers,
                    const std::string& address,
                    http::Routes routes,
                    const http::ServerLimits& limits,
                    const char* what,
                    http::Server::OnRefusal on_refusal = {}) {
    auto server = http::Server::start(address, std::move(routes), limits, base_.log.named("http"),
                                      std::move(on_refusal));
    if (!server) return std::move(server).error().wrap(std::string{what} + " on " + address);
    base_.log.info("listening", {{"what", what}, {"address", address}, {"port", (*server)->port()}});
    servers.push_back(*std::move(server));
    return ok();
  }

  [[nodiscard]] http::Response readiness() {
    // Without Kubernetes there is still much that is served, and in one process with the other roles it must
    // not keep webhooks out.
    if (ready_.load()) {
      const std::string missing = admin_ ? admin_->missing() : "";
      return text(200, missing.empty() ? "ok\n" : "ok, but " + missing + "\n");
    }
    const MutexLock lock{m_};
    return text(503, (not_ready_because_.empty() ? "starting or stopping" : not_ready_because_) + "\n");
  }

  Base base_;
  std::atomic<bool> ready_{false};
  Mutex m_;
  std::string not_ready_because_ TP_GUARDED_BY(m_);
  Wake new_events_;
  postgres::Pool pool_;
  Platform platform_;
  std::optional<WorkerRole> worker_;
  std::optional<WebhooksRole> webhooks_;
  std::optional<AdminRole> admin_;
  Servers public_servers_;
  Servers private_servers_;
};

}  // namespace

Status serve(const ServeOptions& options, Credentials credentials, std::stop_token stop, log::Sink& sink) {
  App app{options, std::move(credentials), sink};
  TP_TRY(app.start(stop));
  Wake never;
  while (!stop.stop_requested()) never.pause(stop, std::chrono::hours{1});
  return app.drain();
}

}  // namespace tp::gateway
