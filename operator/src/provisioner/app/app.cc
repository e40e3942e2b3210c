#include "provisioner/app/app.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "http_beast/server.h"
#include "http_cpprest/client.h"
#include "http_cpprest/endpoint.h"
#include "kube/client/token_source.h"
#include "kube/cluster/cluster.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/reflector.h"
#include "kube/runtime/work_queue.h"
#include "metrics/metrics.h"
#include "platform/pipeline.h"
#include "provisioner/platform/config_service.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/reconciler.h"

namespace tp::provisioner {
namespace {

using AccountPointer = std::shared_ptr<const Account>;

// The flags that follow from others.
RunOptions completed(RunOptions options) {
  options.build.platform = !options.config_service_token_file.empty();
  options.build.bootstrap = options.build.platform && !options.ai_pipeline_url.empty();
  return options;
}

Status check(const RunOptions& options) {
  if (!options.ai_pipeline_url.empty() && options.ai_pipeline_token_file.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 "--ai-pipeline-token-file is missing, which --ai-pipeline-url needs"};
  }
  if (!options.ai_pipeline_url.empty() && options.config_service_token_file.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 "--config-service-token-file is missing: a team is bootstrapped after it is configured"};
  }
  return ok();
}

// The clients of the services around the cluster.
class Services {
 public:
  Services(const Clock& clock, const log::Logger& log, kube::WorkQueue& queue, std::size_t places)
      : clock_(clock),
        log_(log),
        bulkhead_(places, [&queue](const kube::ObjectKey& key) { queue.add(key); }) {}

  Status connect(const RunOptions& options) {
    std::vector<http::ConnectTo> rules;
    for (const std::string& rule : options.connect_to) {
      auto parsed = http::parse_connect_to(rule);
      if (!parsed) return std::move(parsed).error().wrap("--connect-to");
      rules.push_back(*std::move(parsed));
    }
    TP_ASSIGN_OR_RETURN(config_client_,
                        client("--config-service-url", options.build.config_service_url, rules));
    config_token_.emplace(options.config_service_token_file, clock_, log_.named("token"));
    config_.emplace(*config_client_, *config_token_, clock_);
    if (!options.build.bootstrap) return ok();
    TP_ASSIGN_OR_RETURN(pipeline_client_, client("--ai-pipeline-url", options.ai_pipeline_url, rules));
    pipeline_token_.emplace(options.ai_pipeline_token_file, clock_, log_.named("token"));
    pipeline_.emplace(*pipeline_client_, *pipeline_token_, clock_);
    return ok();
  }

  [[nodiscard]] Platform platform() { return {*config_, pipeline_ ? &*pipeline_ : nullptr, bulkhead_}; }

 private:
  [[nodiscard]] Result<std::unique_ptr<http::HttpClient>> client(
      const char* flag, const std::string& url, const std::vector<http::ConnectTo>& rules) const {
    // Many callers at once wedge the Config Service for minutes; the bulkhead lets in fewer anyway.
    constexpr std::size_t kConcurrent = 16;
    http::ClientOptions options{
        .base_url = url, .max_response_bytes = ConfigService::kMaxAnswerBytes, .max_concurrent = kConcurrent};
    options.connect_to = rules;
    options.user_agent = "team-operator/" TP_VERSION;
    options.tls.system_roots = true;
    options.log = log_.named("http");
    auto made = http::create_client(std::move(options), clock_);
    if (!made) return std::move(made).error().wrap(flag);
    return made;
  }

  const Clock& clock_;
  const log::Logger& log_;
  Bulkhead bulkhead_;
  std::unique_ptr<http::HttpClient> config_client_, pipeline_client_;
  std::optional<kube::FileTokenSource> config_token_, pipeline_token_;
  std::optional<ConfigService> config_;
  std::optional<platform::PipelineClient> pipeline_;
};

// Everything that runs, in the order of its start; destruction is the opposite.
class App {
 public:
  App(const RunOptions& options, log::Sink& sink)
      : options_(completed(options)),
        log_(sink, "team-operator"),
        caches_(options_.watch_namespaces, options_.build),
        queue_(clock_),
        services_(clock_, log_, queue_, options_.platform_workers) {}

  Status start(const kube::ClientConfig& config) {
    TP_TRY(check(options_));
    TP_TRY(connect(config));
    if (options_.build.platform) {
      TP_TRY(services_.connect(options_));
      platform_.emplace(services_.platform());
    }
    subscribe();
    make_reflectors();
    TP_TRY(serve());
    for (Watcher& watcher : watchers_) watcher.reflector->start();
    return ok();
  }

  // Blocks until every cache holds a first listing: before that, what is missing in a cache may well be in
  // the cluster.
  bool wait_until_synced(const std::stop_token& stop) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return synced_.wait(m_, stop, [this]() TP_REQUIRES(m_) { return waiting_ == 0; });
  }

  void work(std::stop_token stop) {
    reconciler_ =
        std::make_unique<TeamReconciler>(cluster_->api(), caches_, platform_ ? &*platform_ : nullptr,
                                         TeamReconciler::Settings{.build = options_.build,
                                                                  .resync_interval = options_.resync_interval,
                                                                  .drift_interval = options_.drift_interval,
                                                                  .give_up_after = options_.deletion_give_up},
                                         clock_, rng_, log_.named("reconcile"));
    // Those who wait for the services leave as many as --workers to the others.
    const unsigned workers = options_.workers + (platform_ ? options_.platform_workers : 0);
    controller_ = std::make_unique<kube::Controller>("teamprovisioning", queue_, *reconciler_,
                                                     kube::ControllerOptions{.workers = workers}, clock_,
                                                     rng_, log_.named("controller"), registry_);
    controller_->start();
    log_.info("caches are synced; reconciling", {{"teams", caches_.team_count()}, {"workers", workers}});
    {
      const MutexLock lock{m_};
      synced_.wait(m_, std::move(stop), [] { return false; });
    }
    controller_->stop();
  }

 private:
  struct Watcher {
    std::string name;
    std::function<bool()> synced;
    std::unique_ptr<kube::Reflector> reflector;
  };

  Status connect(const kube::ClientConfig& config) {
    TP_ASSIGN_OR_RETURN(cluster_, kube::Cluster::connect(config, "team-operator/" TP_VERSION, clock_, log_));
    log_.info("operator starts", {{"version", TP_VERSION}, {"server", config.server}});
    return ok();
  }

  // What a change in the cluster makes us look at.
  void subscribe() {
    caches_.subscribe(
        [this](const TeamPointer& before, const TeamPointer& after) { team_changed(before, after); },
        [this](const ChildPointer& before, const ChildPointer& after) { child_changed(before, after); },
        [this](const AccountPointer& before, const AccountPointer& after) {
          if (!after) account_gone(*before);
        },
        [this](const HeldTokenPointer& before, const HeldTokenPointer& after) {
          for (const HeldTokenPointer& held : {before, after}) {
            if (!held) continue;
            for (const TeamPointer& team : caches_.owners_of(*held)) enqueue(*team);
          }
        });
  }

  void team_changed(const TeamPointer& before, const TeamPointer& after) {
    const Team& team = after ? *after : *before;
    enqueue(team);
    if (options_.build.platform) routing_changed(before, after);
    // Who is the owner of an org and team may have changed hands.
    const bool came_or_went = !before || !after || before->meta.uid != after->meta.uid;
    if (!came_or_went) return;
    for (const TeamPointer& other : caches_.namesakes(team)) {
      if (other->meta.key != team.meta.key) enqueue(*other);
    }
  }

  // Those who ask for an identifier that was claimed or let go.
  void routing_changed(const TeamPointer& before, const TeamPointer& after) {
    const bool same = before && after && before->meta.uid == after->meta.uid &&
                      domain::platform_of(before->spec).routing == domain::platform_of(after->spec).routing;
    if (same) return;
    for (const TeamPointer& team : {before, after}) {
      if (!team) continue;
      for (const TeamPointer& rival : caches_.rivals(*team)) enqueue(*rival);
    }
  }

  // The team that it belonged to, and the one that it belongs to now: its labels may have been changed.
  void child_changed(const ChildPointer& before, const ChildPointer& after) {
    for (const ChildPointer& child : {before, after}) {
      if (!child) continue;
      for (const TeamPointer& team : caches_.owners_of(*child)) enqueue(*team);
    }
  }

  void account_gone(const Account& account) {
    for (const TeamPointer& team : caches_.teams_in(account.meta.key.ns)) enqueue(*team);
  }

  void enqueue(const Team& team) { queue_.add(team.meta.key, priority()); }

  // The first listing is a resync of everything; what comes after is news.
  kube::Priority priority() TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return waiting_ == 0 ? kube::Priority::Normal : kube::Priority::Low;
  }

  void make_reflectors() TP_EXCLUDES(m_) {
    auto watches = caches_.watches([this] {
      {
        const MutexLock lock{m_};
        --waiting_;
      }
      synced_.notify_all();
    });
    {
      const MutexLock lock{m_};
      waiting_ = watches.size();
    }
    for (Caches::Watch& watch : watches) {
      std::string name = std::string{watch.selection.type.plural};
      if (!watch.selection.field_selector.empty()) name += " " + watch.selection.field_selector;
      if (!watch.selection.ns.empty()) name += " in " + watch.selection.ns;
      watchers_.push_back({std::move(name), std::move(watch.synced),
                           std::make_unique<kube::Reflector>(cluster_->api(), watch.selection,
                                                             watch.collection, cluster_->recovery(), clock_,
                                                             rng_, log_.named("watch"), registry_)});
    }
  }

  Status serve() {
    http::Routes metrics{
        {http::Method::Get, "/metrics", [this](const http::ServerRequest& /*request*/) {
           return http::Response{
               200, {{"Content-Type", std::string{metrics::Registry::kContentType}}}, registry_.expose()};
         }}};
    http::Routes health{{http::Method::Get, "/healthz",
                         [](const http::ServerRequest& /*request*/) { return text(200, "ok\n"); }},
                        {http::Method::Get, "/readyz",
                         [this](const http::ServerRequest& /*request*/) { return readiness(); }}};
    if (options_.metrics_bind_address == options_.health_probe_bind_address) {
      health.insert(health.end(), std::make_move_iterator(metrics.begin()),
                    std::make_move_iterator(metrics.end()));
    } else {
      TP_ASSIGN_OR_RETURN(
          metrics_server_,
          http::Server::start(options_.metrics_bind_address, std::move(metrics), {}, log_.named("metrics")));
    }
    TP_ASSIGN_OR_RETURN(health_server_, http::Server::start(options_.health_probe_bind_address,
                                                            std::move(health), {}, log_.named("health")));
    return ok();
  }

  static http::Response text(int status, std::string body) {
    return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
  }

  [[nodiscard]] http::Response readiness() const {
    std::string missing;
    for (const Watcher& watcher : watchers_) {
      if (watcher.synced()) continue;
      missing +=
          "not synced: " + watcher.name + " (" + std::string{to_string(watcher.reflector->state())} + ")\n";
    }
    return missing.empty() ? text(200, "ok\n") : text(503, std::move(missing));
  }

  // Constant.
  const RunOptions options_;
  const log::Logger log_;

  // Own synchronisation.
  SystemClock clock_;
  SystemRng rng_;
  metrics::Registry registry_;
  std::unique_ptr<kube::Cluster> cluster_;
  Caches caches_;
  kube::WorkQueue queue_;
  Services services_;
  std::optional<Platform> platform_;
  std::unique_ptr<TeamReconciler> reconciler_;

  Mutex m_;
  CondVar synced_;
  std::size_t waiting_ TP_GUARDED_BY(m_) =
      1;  // caches without a first listing; not 0 before they are counted

  // Threads: stopped in the order opposite to this one.
  std::vector<Watcher> watchers_;
  std::unique_ptr<http::Server> metrics_server_, health_server_;
  std::unique_ptr<kube::Controller> controller_;
};

}  // namespace

Status run_operator(const RunOptions& options, std::stop_token stop, log::Sink& sink) {
  TP_ASSIGN_OR_RETURN(const kube::ClientConfig config, kube::find_config(options.kubeconfig));
  App app{options, sink};
  TP_TRY(app.start(config));
  if (app.wait_until_synced(stop)) app.work(stop);
  log::Logger{sink, "team-operator"}.info("stopping");
  return ok();
}

}  // namespace tp::provisioner
