#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

// Gauges written as text at once, for families with thousands of series: as values of prometheus-cpp, which
// exist all together before they are written, they would take some hundred bytes each.
namespace tp::metrics {

// {name="value",…}, escaped.
[[nodiscard]] std::string label_text(
    std::initializer_list<std::pair<std::string_view, std::string_view>> labels);

// A family in Prometheus' text format; whole, so it stands for itself behind what Registry::expose() gives.
class GaugeText {
 public:
  GaugeText(std::string_view name, std::string_view help);

  // `labels`: of label_text().
  void add(std::string_view labels, double value);
  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  const std::string name_;
  std::string text_;
};

}  // namespace tp::metrics
