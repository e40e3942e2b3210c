#include "metrics/collected.h"

#include <utility>

namespace tp::metrics {
namespace {

class Collector final : public prometheus::Collectable {
 public:
  explicit Collector(std::function<Families()> read) : read_(std::move(read)) {}

  [[nodiscard]] Families Collect() const override { return read_(); }

 private:
  const std::function<Families()> read_;
};

}  // namespace

GaugeFamily::GaugeFamily(std::string name, std::string help)
    : family_{std::move(name), std::move(help), prometheus::MetricType::Gauge, {}} {}

void GaugeFamily::add(const Labels& labels, double value) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  metric.gauge.value = value;
}

std::shared_ptr<prometheus::Collectable> collector(std::function<Families()> read) {
  return std::make_shared<Collector>(std::move(read));
}

}  // namespace tp::metrics
