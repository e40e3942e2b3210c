#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>

// For metrics that are computed when they are asked for.
namespace tp::metrics {

using prometheus::Labels;
using prometheus::MetricFamily;
using Families = std::vector<MetricFamily>;

// A family of gauges under construction.
class GaugeFamily {
 public:
  GaugeFamily(std::string name, std::string help);

  void add(const Labels& labels, double value);
  [[nodiscard]] MetricFamily take() && { return std::move(family_); }

 private:
  MetricFamily family_;
};

// For Registry::collect(): asks `read` at each scrape, on its thread; several at once. What `read` uses must
// outlive the last scrape.
[[nodiscard]] std::shared_ptr<prometheus::Collectable> collector(std::function<Families()> read);

}  // namespace tp::metrics
