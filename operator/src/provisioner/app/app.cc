#include "provisioner/app/app.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/env.h"
#include "base/mutex.h"
#include "base/random.h"
#include "http/write_gate.h"
#include "kube/cluster/cluster.h"
#include "kube/events/recorder.h"
#include "kube/leader/elector.h"
#include "kube/runtime/controller.h"
#include "kube/runtime/reflector.h"
#include "kube/runtime/work_queue.h"
#include "metrics/metrics.h"
#include "provisioner/app/deadman.h"
#include "provisioner/app/debug.h"
#include "provisioner/app/election.h"
#include "provisioner/app/initial_sync.h"
#include "provisioner/app/inspector.h"
#include "provisioner/app/probes.h"
#include "provisioner/app/release_controller.h"
#include "provisioner/app/services.h"
#include "provisioner/app/team_metrics.h"
#include "provisioner/app/team_times.h"
#include "provisioner/app/watcher.h"
#include "provisioner/desired/metadata.h"
#include "provisioner/reconcile/caches.h"
#include "provisioner/reconcile/reconciler.h"
#include "provisioner/reconcile/triggers.h"

namespace tp::provisioner {
namespace {

using namespace std::chrono_literals;

constexpr const char* kController = "teamprovisioning";
constexpr const char* kUserAgent = "team-operator/" TP_VERSION;

// For reconciles that run: at the end (a pod has some more seconds), and when this process leads no more.
constexpr std::chrono::milliseconds kDrain = 25s;
constexpr std::chrono::milliseconds kDrainOfStandby = 10s;
// A worker that has not ended by then never will, and a process that waits for it can never lead again.
constexpr std::chrono::milliseconds kStuck = 30s;

// Everything that runs, in the order of its start; destruction is the opposite.
class App {
 public:
  App(const RunOptions& options, log::Sink& sink)
      : options_(options),
        sink_(sink),
        log_(sink, "team-operator"),
        gate_(clock_),
        caches_(options_.watch_namespaces, options_.build, options_.watch_label_selector),
        queue_(clock_),
        breaker_(kController, TeamReconciler::written_kinds(), options_.breaker, clock_, registry_),
        services_(clock_, log_, queue_, options_.platform_workers, &gate_),
        triggers_(
            caches_,
            options_.build.platform,
            [this](const kube::ObjectKey& team, kube::Priority priority) { enqueue(team, priority); },
            [this] { releases_->recount(); }) {}

  Status start(const kube::ClientConfig& config) {
    TP_ASSIGN_OR_RETURN(cluster_,
                        kube::Cluster::connect(config, kUserAgent, clock_, log_, registry_, &gate_));
    log_.info("operator starts", {{"version", TP_VERSION}, {"server", config.server}});
    TP_TRY(make_elector(config));
    events_.emplace(cluster_->api(),
                    kube::EventRecorderOptions{.controller = "incidentfox.io/team-operator",
                                               .instance = std::string{kFieldManager}},
                    clock_, rng_, log_.named("events"), registry_);
    if (options_.build.platform) {
      TP_TRY(services_.connect(options_, &registry_));
      platform_.emplace(services_.platform());
    }
    // Before those who wake the workers.
    caches_.subscribe_teams(
        [this](const TeamPointer& before, const TeamPointer& after) { times_.changed(before, after); });
    releases_ = std::make_unique<ReleaseController>(cluster_->api(), caches_, clock_, rng_,
                                                    log_.named("releases"), registry_);
    triggers_.subscribe();
    make_reflectors();
    make_controller();
    TP_TRY(serve());
    for (Watcher& watcher : watchers_) watcher.reflector->start();
    return ok();
  }

  void make_controller() {
    reconciler_ = std::make_unique<TeamReconciler>(
        cluster_->api(), caches_, platform_ ? &*platform_ : nullptr, breaker_, *events_,
        TeamReconciler::Settings{.build = options_.build,
                                 .resync_interval = options_.resync_interval,
                                 .drift_interval = options_.drift_interval,
                                 .give_up_after = options_.deletion_give_up,
                                 .on_status =
                                     [this](const Team& team, const domain::TeamStatus& status) {
                                       times_.reported(team, status);
                                       if (domain::release_of(status) != domain::release_of(team.status))
                                         releases_->recount();
                                     },
                                 .releases = options_.releases},
        clock_, rng_, log_.named("reconcile").with({"controller", kController}));
    // Those who wait for the services leave as many as --workers to the others.
    const unsigned workers = options_.workers + (platform_ ? options_.platform_workers : 0);
    controller_ = std::make_unique<kube::Controller>(kController, queue_, *reconciler_,
                                                     kube::ControllerOptions{.workers = workers}, clock_,
                                                     rng_, log_.named("controller"), registry_);
  }

  void work(const std::stop_token& stop) {
    if (!sync_.wait(stop)) return;
    log_.info("caches are synced", {{"teams", caches_.team_count()}});
    if (!elector_) return lead(stop);
    while (!stop.stop_requested()) {
      elector_->stand();
      if (elector_->wait_until_leader(stop)) lead(stop);
    }
    events_.reset();  // the last ones go out while this process may still write
    elector_->release();
  }

 private:
  // Reconciles until the end or until another process may lead, and waits for what runs then.
  void lead(const std::stop_token& stop) {
    // News from here on; what came before is in the caches, and a resync.
    in_charge_ = true;
    for (const TeamPointer& team : caches_.all_teams()) enqueue(team->meta.key, kube::Priority::Low);
    releases_->recount();
    controller_->start();
    releases_->start();
    log_.info("reconciling", {{"teams", caches_.team_count()}});
    if (elector_) {
      elector_->wait_until_lost(stop);
    } else {
      wait_for(stop);
    }
    in_charge_ = false;
    if (stop.stop_requested()) return stop_workers(kDrain);
    const Deadman deadman{kStuck, [this] {
                            log_.error("a worker does not end although this process leads no more; exits");
                            std::_Exit(EXIT_FAILURE);
                          }};
    stop_workers(kDrainOfStandby);
    reconciler_->forget_all();  // from now on another process knows
    log_.info("stands by");
  }

  void stop_workers(std::chrono::milliseconds grace) {
    releases_->stop(0ms);
    controller_->stop(grace);
  }

  // With connections of its own, which neither the gate nor a queue of writes can hold up.
  Status make_elector(const kube::ClientConfig& config) {
    if (!options_.leader_elect) {
      gate_.open_for_good();
      return ok();
    }
    TP_ASSIGN_OR_RETURN(election_cluster_,
                        kube::Cluster::connect(config, kUserAgent, clock_, log_, registry_));
    const std::string host = env_var("HOSTNAME").value_or("team-operator");
    elector_ = std::make_unique<kube::Elector>(election_cluster_->api(),
                                               make_election(options_, config.ns, host, rng_), gate_, clock_,
                                               rng_, log_.named("leader"), registry_);
    return ok();
  }

  // What comes while another process works is in the caches when this one begins.
  void enqueue(const kube::ObjectKey& team, kube::Priority priority) {
    if (in_charge_) queue_.add(team, priority);
  }

  void make_reflectors() {
    auto watches = caches_.watches([this] { sync_.one_complete(); });
    sync_.expect(watches.size());
    for (Caches::Watch& watch : watches) {
      std::string name = std::string{watch.selection.type.plural};
      if (!watch.selection.field_selector.empty()) name += " " + watch.selection.field_selector;
      if (!watch.selection.ns.empty()) name += " in " + watch.selection.ns;
      watchers_.push_back({std::move(name), std::move(watch.synced), std::move(watch.size),
                           std::make_unique<kube::Reflector>(cluster_->api(), watch.selection,
                                                             watch.collection, cluster_->recovery(), clock_,
                                                             rng_, log_.named("watch"), registry_)});
    }
  }

  // For Prometheus, the kubelet, and people.
  Status serve() {
    team_metrics_ = metrics::collector([this] {
      const std::vector<TeamPointer> teams = caches_.all_teams();
      const ReleasePointer release = caches_.default_release();
      return metrics::Families{team_counts(teams),
                               default_release_counts(teams, release ? release->meta.key.name : "")};
    });
    registry_.collect(team_metrics_);
    inspector_.emplace(Inspector::Parts{.clock = clock_,
                                        .watchers = watchers_,
                                        .queue = queue_,
                                        .controller = *controller_,
                                        .services = [this] { return services_.state(); },
                                        .leader = leader()});
    TP_ASSIGN_OR_RETURN(probes_, Probes::serve(
                                     options_, [this] { return metrics_text(); }, *inspector_, log_));
    if (options_.debug_bind_address.empty()) return ok();
    TP_ASSIGN_OR_RETURN(debug_, serve_debug(
                                    options_.debug_bind_address, [this] { return inspector_->state(); },
                                    sink_, log_.named("debug")));
    return ok();
  }

  [[nodiscard]] std::string metrics_text() const {
    if (!options_.team_metrics) return registry_.expose();
    return registry_.expose() + text_of_each(caches_.all_teams(), [this](const kube::ObjectKey& key) {
             return reconciler_->compared_ago(key);
           });
  }

  [[nodiscard]] std::function<bool()> leader() const {
    if (!elector_) return {};
    return [this] { return in_charge_.load(); };
  }

  static void wait_for(const std::stop_token& stop) {
    Mutex m;
    CondVar never;
    const MutexLock lock{m};
    never.wait(m, stop, [] { return false; });
  }

  // Constant.
  const RunOptions options_;
  log::Sink& sink_;
  const log::Logger log_;

  // Own synchronisation.
  SystemClock clock_;
  SystemRng rng_;
  metrics::Registry registry_;
  http::WriteGate gate_;
  std::unique_ptr<kube::Cluster> cluster_, election_cluster_;
  Caches caches_;
  kube::WorkQueue queue_;
  kube::CircuitBreaker breaker_;
  Services services_;
  InitialSync sync_;
  std::atomic<bool> in_charge_{false};
  Triggers triggers_;
  std::optional<Platform> platform_;
  TeamTimes times_{registry_, clock_, [this] { return sync_.complete(); },
                   [this] { return in_charge_.load(); }};
  std::unique_ptr<TeamReconciler> reconciler_;

  // Threads: stopped in the order opposite to this one.
  std::unique_ptr<ReleaseController> releases_;
  std::optional<kube::EventRecorder> events_;
  std::vector<Watcher> watchers_;
  std::unique_ptr<kube::Controller> controller_;
  std::unique_ptr<kube::Elector> elector_;
  std::shared_ptr<prometheus::Collectable> team_metrics_;
  std::optional<Inspector> inspector_;
  std::optional<Probes> probes_;
  std::unique_ptr<http::Server> debug_;
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
