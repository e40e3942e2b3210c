#include "provisioner/app/app.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/env.h"
#include "base/mutex.h"
#include "base/random.h"
#include "http_beast/server.h"
#include "http_cpprest/client.h"
#include "kube/client/api_client.h"
#include "kube/client/config.h"
#include "kube/client/token_source.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/recovery.h"
#include "kube/runtime/reflector.h"
#include "kube/runtime/work_queue.h"
#include "metrics/metrics.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/reconciler.h"

namespace tp::provisioner {
namespace {

using AccountPointer = std::shared_ptr<const Account>;

constexpr const char* kServiceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

Result<kube::ClientConfig> client_config(const RunOptions& options) {
  if (!options.kubeconfig.empty()) return kube::load_kubeconfig(options.kubeconfig);
  return kube::in_cluster_config(env_var("KUBERNETES_SERVICE_HOST"), env_var("KUBERNETES_SERVICE_PORT"),
                                 kServiceAccountDirectory);
}

http::ClientOptions http_options(const kube::ClientConfig& config,
                                 std::shared_ptr<http::TokenSource> tokens,
                                 const log::Logger& log) {
  return {.base_url = config.server,
          .tls = {.ca_file = config.ca_file,
                  .ca_pem = config.ca_pem,
                  .cert_file = config.client_cert_file,
                  .cert_pem = config.client_cert_pem,
                  .key_file = config.client_key_file,
                  .key_pem = config.client_key_pem,
                  .server_name = config.server_name},
          .token_source = std::move(tokens),
          .user_agent = "team-operator/" TP_VERSION,
          .log = log.named("http")};
}

// Everything that runs, in the order of its start; destruction is the opposite.
class App {
 public:
  App(const RunOptions& options, log::Sink& sink)
      : options_(options),
        log_(sink, "team-operator"),
        recovery_(clock_),
        caches_(options.watch_namespaces, options.build),
        queue_(clock_) {}

  Status start(const kube::ClientConfig& config) {
    TP_TRY(connect(config));
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
    reconciler_ = std::make_unique<TeamReconciler>(
        *api_, caches_, TeamReconciler::Settings{options_.build, options_.resync_interval}, clock_, rng_,
        log_.named("reconcile"));
    controller_ = std::make_unique<kube::Controller>("teamprovisioning", queue_, *reconciler_,
                                                     kube::ControllerOptions{.workers = options_.workers},
                                                     clock_, rng_, log_.named("controller"), registry_);
    controller_->start();
    log_.info("caches are synced; reconciling",
              {{"teams", caches_.team_count()}, {"workers", options_.workers}});
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
    const auto tokens = kube::make_token_source(config, clock_, log_.named("token"));
    TP_ASSIGN_OR_RETURN(unary_, http::create_client(http_options(config, tokens, log_), clock_));
    TP_ASSIGN_OR_RETURN(streaming_, http::create_client(http_options(config, tokens, log_), clock_));
    api_ = std::make_unique<kube::ApiClient>(
        *unary_, *streaming_, clock_,
        [this](std::string_view /*verb*/, const kube::ResourceType& /*type*/, int status,
               std::chrono::nanoseconds /*took*/) {
          if (status > 0 && status < 500) {
            recovery_.succeeded();
          } else {
            recovery_.failed();
          }
        });
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
        });
  }

  void team_changed(const TeamPointer& before, const TeamPointer& after) {
    const Team& team = after ? *after : *before;
    enqueue(team);
    // Who is the owner of an org and team may have changed hands.
    const bool came_or_went = !before || !after || before->meta.uid != after->meta.uid;
    if (!came_or_went) return;
    for (const TeamPointer& other : caches_.namesakes(team)) {
      if (other->meta.key != team.meta.key) enqueue(*other);
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
      watchers_.push_back(
          {std::move(name), std::move(watch.synced),
           std::make_unique<kube::Reflector>(*api_, watch.selection, watch.collection, recovery_, clock_,
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
  const RunOptions& options_;
  const log::Logger log_;

  // Own synchronisation.
  SystemClock clock_;
  SystemRng rng_;
  metrics::Registry registry_;
  kube::Recovery recovery_;
  std::unique_ptr<http::HttpClient> unary_, streaming_;
  std::unique_ptr<kube::ApiClient> api_;
  Caches caches_;
  kube::WorkQueue queue_;
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
  TP_ASSIGN_OR_RETURN(const kube::ClientConfig config, client_config(options));
  App app{options, sink};
  TP_TRY(app.start(config));
  if (app.wait_until_synced(stop)) app.work(stop);
  log::Logger{sink, "team-operator"}.info("stopping");
  return ok();
}

}  // namespace tp::provisioner
