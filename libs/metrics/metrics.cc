#include "metrics/metrics.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <locale>
#include <map>
#include <sstream>
#include <tuple>
#include <utility>

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/mutex.h"

namespace tp::metrics {
namespace {

std::vector<std::string> names_of(const Labels& labels) {
  std::vector<std::string> names;
  for (const auto& [name, value] : labels) names.push_back(name);
  return names;
}

bool by_labels(const prometheus::ClientMetric& a, const prometheus::ClientMetric& b) {
  return std::lexicographical_compare(
      a.label.begin(), a.label.end(), b.label.begin(), b.label.end(),
      [](const auto& x, const auto& y) { return std::tie(x.name, x.value) < std::tie(y.name, y.value); });
}

// Two collectors may have series of one family, which must not be told in two places.
void merge_namesakes(std::vector<prometheus::MetricFamily>& sorted) {
  std::vector<prometheus::MetricFamily> merged;
  for (prometheus::MetricFamily& family : sorted) {
    if (merged.empty() || merged.back().name != family.name) {
      merged.push_back(std::move(family));
    } else {
      std::ranges::move(family.metric, std::back_inserter(merged.back().metric));
    }
  }
  sorted = std::move(merged);
}

}  // namespace

struct Registry::Impl {
  // prometheus-cpp finds an existing family by its name, and an existing series by its labels.
  template <class T, class Builder, class... Args>
  T& series(Builder builder,
            const std::string& name,
            const std::string& help,
            const Labels& labels,
            const Args&... args) {
    {
      const MutexLock lock{m};
      [[maybe_unused]] const auto known = declared.try_emplace(name, help, names_of(labels)).first;
      assert(known->second == std::pair(help, names_of(labels)) && "metric declared twice in different ways");
    }
    return builder.Name(name).Help(help).Register(registry).Add(labels, args...);
  }

  prometheus::Registry registry;  // has its own lock
  Mutex m;
  std::map<std::string, std::pair<std::string, std::vector<std::string>>> declared
      TP_GUARDED_BY(m);  // help, label names
  std::vector<std::weak_ptr<prometheus::Collectable>> collectables TP_GUARDED_BY(m);
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Counter& Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return impl_->series<Counter>(prometheus::BuildCounter(), name, help, labels);
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return impl_->series<Gauge>(prometheus::BuildGauge(), name, help, labels);
}

Histogram& Registry::histogram(const std::string& name,
                               const std::string& help,
                               const std::vector<double>& buckets,
                               const Labels& labels) {
  return impl_->series<Histogram>(prometheus::BuildHistogram(), name, help, labels, buckets);
}

void Registry::collect(std::weak_ptr<prometheus::Collectable> collectable) {
  const MutexLock lock{impl_->m};
  impl_->collectables.push_back(std::move(collectable));
}

std::string Registry::expose() const {
  auto families = impl_->registry.Collect();
  std::vector<std::weak_ptr<prometheus::Collectable>> collectables;
  {
    const MutexLock lock{impl_->m};
    std::erase_if(impl_->collectables, [](const auto& collectable) { return collectable.expired(); });
    collectables = impl_->collectables;  // a collector may take its time, or locks: not under ours
  }
  for (const auto& weak : collectables) {
    if (const auto collectable = weak.lock())
      std::ranges::move(collectable->Collect(), std::back_inserter(families));
  }
  std::stable_sort(families.begin(), families.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
  merge_namesakes(families);
  for (auto& family : families) std::sort(family.metric.begin(), family.metric.end(), by_labels);

  std::ostringstream out;
  out.imbue(std::locale::classic());
  prometheus::TextSerializer{}.Serialize(out, families);
  return std::move(out).str();
}

}  // namespace tp::metrics
