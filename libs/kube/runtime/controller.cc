#include "kube/runtime/controller.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include "base/thread_name.h"
#include "kube/runtime/reconcile_log.h"

namespace tp::kube {
namespace {

constexpr std::array<std::string_view, 4> kResults{"success", "error", "requeue", "requeue_after"};

// controller-runtime's (pkg/internal/controller/metrics).
const std::vector<double>& reconcile_buckets() {
  static const std::vector<double> kBuckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3,  0.35,
                                            0.4,   0.45, 0.5,   0.6,  0.7, 0.8,  0.9, 1,    1.25, 1.5,
                                            1.75,  2,    2.5,   3,    3.5, 4,    4.5, 5,    6,    7,
                                            8,     9,    10,    15,   20,  25,   30,  40,   50,   60};
  return kBuckets;
}

// Its workqueue metrics: twelve from 10 ns, each ten times the one before.
const std::vector<double>& queue_buckets() {
  static const std::vector<double> kBuckets{1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000};
  return kBuckets;
}

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

struct Controller::Metrics {
  Metrics(metrics::Registry& registry, const std::string& controller, unsigned workers)
      : errors(registry.counter("controller_runtime_reconcile_errors_total",
                                "Reconciles that failed.",
                                {{"controller", controller}})),
        terminal_errors(registry.counter("controller_runtime_terminal_reconcile_errors_total",
                                         "Reconciles that failed and wait for a change.",
                                         {{"controller", controller}})),
        panics(registry.counter("controller_runtime_reconcile_panics_total",
                                "Reconciles that ended with an exception.",
                                {{"controller", controller}})),
        timeouts(registry.counter("controller_runtime_reconcile_timeouts_total",
                                  "Reconciles that reached their deadline.",
                                  {{"controller", controller}})),
        time(registry.histogram("controller_runtime_reconcile_time_seconds",
                                "How long a reconcile took.",
                                reconcile_buckets(),
                                {{"controller", controller}})),
        active_workers(registry.gauge(
            "controller_runtime_active_workers", "Reconciles that run now.", {{"controller", controller}})),
        queue_duration(registry.histogram("workqueue_queue_duration_seconds",
                                          "How long a due key waited.",
                                          queue_buckets(),
                                          {{"controller", controller}, {"name", controller}})),
        work_duration(registry.histogram("workqueue_work_duration_seconds",
                                         "How long a key was worked on.",
                                         queue_buckets(),
                                         {{"controller", controller}, {"name", controller}})),
        retries(registry.counter("workqueue_retries_total",
                                 "Keys that came back with backoff.",
                                 {{"controller", controller}, {"name", controller}})) {
    for (std::size_t i = 0; i < kResults.size(); ++i) {
      results.at(i) =
          &registry.counter("controller_runtime_reconcile_total", "Reconciles by result.",
                            {{"controller", controller}, {"result", std::string{kResults.at(i)}}});
    }
    registry.gauge("controller_runtime_max_concurrent_reconciles", "Workers.", {{"controller", controller}})
        .Set(workers);
  }

  std::array<metrics::Counter*, 4> results{};  // by Outcome
  metrics::Counter& errors;
  metrics::Counter& terminal_errors;
  metrics::Counter& panics;
  metrics::Counter& timeouts;
  metrics::Histogram& time;
  metrics::Gauge& active_workers;
  metrics::Histogram& queue_duration;
  metrics::Histogram& work_duration;
  metrics::Counter& retries;
};

// What is computed when it is asked for. client-go has a thread that refreshes the same figures twice a
// second.
class Controller::Collector final : public prometheus::Collectable {
 public:
  explicit Collector(const Controller& controller) : controller_(&controller) {}

  // A scrape that is on its way may still hold this object.
  void detach() {
    const MutexLock lock{m_};
    controller_ = nullptr;
  }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    const MutexLock lock{m_};
    if (controller_ == nullptr) return {};
    const Controller& c = *controller_;
    const WorkQueue::Stats stats = c.queue_.stats();
    double unfinished = 0;
    for (const Running& one : c.running()) unfinished += seconds(one.age);
    // Priorities as controller-runtime numbers them.
    prometheus::MetricFamily depth =
        family("workqueue_depth", "Keys that wait.", prometheus::MetricType::Gauge);
    depth.metric = {gauge(static_cast<double>(stats.normal), "0"),
                    gauge(static_cast<double>(stats.low), "-100")};
    prometheus::MetricFamily adds =
        family("workqueue_adds_total", "Keys added, not counting those that waited already.",
               prometheus::MetricType::Counter);
    adds.metric = {labelled()};
    adds.metric.front().counter.value = static_cast<double>(stats.adds);
    prometheus::MetricFamily work = family("workqueue_unfinished_work_seconds",
                                           "How long the reconciles that run now have been running, in sum.",
                                           prometheus::MetricType::Gauge);
    work.metric = {gauge(unfinished)};
    prometheus::MetricFamily longest = family(
        "workqueue_longest_running_processor_seconds",
        "How long the longest reconcile that runs now has been running.", prometheus::MetricType::Gauge);
    longest.metric = {gauge(seconds(c.longest_running()))};
    return {std::move(depth), std::move(adds), std::move(work), std::move(longest)};
  }

 private:
  static prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type) {
    return {name, help, type, {}};
  }

  [[nodiscard]] prometheus::ClientMetric labelled() const TP_REQUIRES(m_) {
    prometheus::ClientMetric metric;
    metric.label = {{"controller", controller_->name_}, {"name", controller_->name_}};
    return metric;
  }

  [[nodiscard]] prometheus::ClientMetric gauge(double value, const char* priority = nullptr) const
      TP_REQUIRES(m_) {
    prometheus::ClientMetric metric = labelled();
    if (priority != nullptr) metric.label.push_back({"priority", priority});
    metric.gauge.value = value;
    return metric;
  }

  mutable Mutex m_;
  const Controller* controller_ TP_GUARDED_BY(m_);
};

Controller::Controller(std::string name,
                       WorkQueue& queue,
                       Reconciler& reconciler,
                       const ControllerOptions& options,
                       const Clock& clock,
                       Rng& rng,
                       const log::Logger& logger,
                       metrics::Registry& registry)
    : name_(std::move(name)),
      queue_(queue),
      reconciler_(reconciler),
      options_(options),
      clock_(clock),
      rng_(rng),
      logger_(logger.with({"controller", name_})),
      metrics_(std::make_unique<Metrics>(registry, name_, options.workers)),
      collector_(std::make_shared<Collector>(*this)),
      running_(options.workers) {
  registry.collect(collector_);
}

Controller::~Controller() {
  stop(std::chrono::milliseconds{0});
  collector_->detach();
}

void Controller::start() {
  abort_ = std::stop_source{};
  {
    const MutexLock lock{m_};
    alive_ = options_.workers;
  }
  for (std::size_t i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this, i](const std::stop_token& stop) {
      set_thread_name("worker-" + std::to_string(i));
      work(stop, i);
    });
  }
}

void Controller::stop(std::chrono::milliseconds grace) {
  for (std::jthread& worker : workers_) worker.request_stop();
  {
    const MutexLock lock{m_};
    ended_.wait_for(m_, {}, grace, [this]() TP_REQUIRES(m_) { return alive_ == 0; });
  }
  abort_.request_stop();
  workers_.clear();  // joins
}

std::chrono::nanoseconds Controller::longest_running() const {
  std::chrono::nanoseconds longest{0};
  for (const Running& one : running()) longest = std::max(longest, one.age);
  return longest;
}

std::vector<Controller::Running> Controller::running() const {
  const SteadyTime now = clock_.now();
  const MutexLock lock{m_};
  std::vector<Running> result;
  for (const auto& run : running_) {
    if (run) result.push_back({run->key, run->id, now - run->since});
  }
  return result;
}

void Controller::work(const std::stop_token& stop, std::size_t worker) {
  while (const auto item = queue_.take(stop)) process(*item, worker);
  {
    const MutexLock lock{m_};
    --alive_;
  }
  ended_.notify_all();
}

void Controller::process(const WorkQueue::Item& item, std::size_t worker) {
  const SteadyTime begun = clock_.now();
  const std::string id = new_id();
  {
    const MutexLock lock{m_};
    running_.at(worker) = Run{item.key, id, begun};
  }
  metrics_->active_workers.Increment();
  metrics_->queue_duration.Observe(seconds(item.waited));

  const Outcome outcome = reconcile(item, id);

  const double took = seconds(clock_.now() - begun);
  metrics_->time.Observe(took);
  metrics_->work_duration.Observe(took);
  metrics_->results.at(static_cast<std::size_t>(outcome))->Increment();
  metrics_->active_workers.Decrement();
  queue_.done(item.key);
  const MutexLock lock{m_};
  running_.at(worker).reset();
}

// The exception barrier: whatever a reconcile does, the worker lives.
Controller::Outcome Controller::reconcile(const WorkQueue::Item& item, const std::string& id) {
  const Context ctx{abort_.get_token(), clock_.now() + options_.timeout, id, TraceId::make(rng_)};
  try {
    const Result<Next> result = reconciler_.reconcile(ctx, item.key);
    if (result) return succeeded(item, *result);
    return failed(item, ctx, result.error());
  } catch (const std::bad_alloc&) {
    std::terminate();
  } catch (const std::exception& e) {
    panicked(item, ctx, e.what());
  } catch (...) {
    panicked(item, ctx, "not a std::exception");
  }
  return Outcome::Error;
}

Controller::Outcome Controller::succeeded(const WorkQueue::Item& item, const Next& next) {
  forget(item.key);
  if (!next.after) return Outcome::Success;
  queue_.add_after(item.key, *next.after, Priority::Low);
  return Outcome::RequeueAfter;
}

Controller::Outcome Controller::failed(const WorkQueue::Item& item, const Context& ctx, const Error& error) {
  if (error.code == ErrorCode::Cancelled) {
    // Not lost, in case the controller is started again; and no tight loop, in case it was not us who
    // cancelled.
    queue_.add_after(item.key, options_.backoff.min, item.priority);
    return Outcome::Requeue;
  }
  const log::Logger log = log_of_reconcile(logger_, ctx, item.key);
  metrics_->errors.Increment();
  if (clock_.now() >= ctx.deadline) metrics_->timeouts.Increment();
  if (!is_retryable(error.code)) {
    metrics_->terminal_errors.Increment();
    forget(item.key);
    log.error("reconcile failed; waiting for a change", {{"error", error}});
    return Outcome::Error;
  }
  const auto pause = retry(item, error.retry_after.value_or(std::chrono::milliseconds{0}));
  log.warn("reconcile failed; trying again", {{"error", error}, {"pause_ms", pause.count()}});
  return Outcome::Error;
}

void Controller::panicked(const WorkQueue::Item& item, const Context& ctx, std::string_view what) {
  metrics_->errors.Increment();
  metrics_->panics.Increment();
  const auto pause = retry(item, std::chrono::milliseconds{0});
  log_of_reconcile(logger_, ctx, item.key)
      .error("reconcile threw an exception, which is a bug; trying again",
             {{"what", what}, {"pause_ms", pause.count()}});
}

// Puts the key back with backoff; returns the pause.
std::chrono::milliseconds Controller::retry(const WorkQueue::Item& item, std::chrono::milliseconds at_least) {
  unsigned failures = 0;
  {
    const MutexLock lock{m_};
    failures = ++failures_[item.key];
  }
  metrics_->retries.Increment();
  // A peer may ask for patience, not for an object to be forgotten.
  const auto asked = std::min(at_least, options_.backoff.max);
  const auto pause = std::max(options_.backoff.delay(failures, rng_), asked);
  queue_.add_after(item.key, pause, item.priority);
  return pause;
}

void Controller::forget(const ObjectKey& key) {
  const MutexLock lock{m_};
  failures_.erase(key);
}

// Eight hexadecimal digits tell the reconciles of a log apart.
std::string Controller::new_id() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::uint64_t bits = rng_.next() >> 32U;
  std::string id(8, '0');
  for (char& digit : id) {
    digit = kHex[bits & 0xFU];
    bits >>= 4U;
  }
  return id;
}

}  // namespace tp::kube
