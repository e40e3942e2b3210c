#include "provisioner/app/app.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "kube/cluster/cluster.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/reflector.h"
#include "kube/runtime/work_queue.h"
#include "metrics/metrics.h"
#include "provisioner/app/initial_sync.h"
#include "provisioner/app/probes.h"
#include "provisioner/app/services.h"
#include "provisioner/app/triggers.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/reconciler.h"

namespace tp::provisioner {
namespace {

// Everything that runs, in the order of its start; destruction is the opposite.
class App {
 public:
  App(const RunOptions& options, log::Sink& sink)
      : options_(options),
        log_(sink, "team-operator"),
        caches_(options_.watch_namespaces, options_.build),
        queue_(clock_),
        services_(clock_, log_, queue_, options_.platform_workers),
        triggers_(caches_, queue_, sync_, options_.build.platform) {}

  Status start(const kube::ClientConfig& config) {
    TP_ASSIGN_OR_RETURN(
        cluster_, kube::Cluster::connect(config, "team-operator/" TP_VERSION, clock_, log_, registry_));
    log_.info("operator starts", {{"version", TP_VERSION}, {"server", config.server}});
    if (options_.build.platform) {
      TP_TRY(services_.connect(options_));
      platform_.emplace(services_.platform());
    }
    triggers_.subscribe();
    make_reflectors();
    TP_ASSIGN_OR_RETURN(probes_, Probes::serve(
                                     options_, registry_, [this] { return not_ready(); }, log_));
    for (Watcher& watcher : watchers_) watcher.reflector->start();
    return ok();
  }

  void work(const std::stop_token& stop) {
    if (!sync_.wait(stop)) return;
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
    wait_for(stop);
    controller_->stop();
  }

 private:
  struct Watcher {
    std::string name;
    std::function<bool()> synced;
    std::unique_ptr<kube::Reflector> reflector;
  };

  void make_reflectors() {
    auto watches = caches_.watches([this] { sync_.one_complete(); });
    sync_.expect(watches.size());
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

  [[nodiscard]] std::string not_ready() const {
    std::string missing;
    for (const Watcher& watcher : watchers_) {
      if (watcher.synced()) continue;
      missing +=
          "not synced: " + watcher.name + " (" + std::string{to_string(watcher.reflector->state())} + ")\n";
    }
    return missing;
  }

  static void wait_for(const std::stop_token& stop) {
    Mutex m;
    CondVar never;
    const MutexLock lock{m};
    never.wait(m, stop, [] { return false; });
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
  InitialSync sync_;
  Triggers triggers_;
  std::optional<Platform> platform_;
  std::unique_ptr<TeamReconciler> reconciler_;

  // Threads: stopped in the order opposite to this one.
  std::vector<Watcher> watchers_;
  std::optional<Probes> probes_;
  std::unique_ptr<kube::Controller> controller_;
};

}  // namespace

Status run_operator(const RunOptions& options, std::stop_token stop, log::Sink& sink) {
  TP_ASSIGN_OR_RETURN(const RunOptions whole, completed(options));
  TP_ASSIGN_OR_RETURN(const kube::ClientConfig config, kube::find_config(whole.kubeconfig));
  App app{whole, sink};
  TP_TRY(app.start(config));
  app.work(stop);
  log::Logger{sink, "team-operator"}.info("stopping");
  return ok();
}

}  // namespace tp::provisioner
