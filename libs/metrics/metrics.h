#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Handles are prometheus-cpp's own: they are thread-safe and cheap to update, and hiding them would only
// rename them.
#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>

namespace tp::metrics {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

// Owns every metric family of a program. Families are declared once at start, with every label combination
// that can occur, so a series exists at 0 before its first event. Label sets are closed (enums, names from a
// table), never ids or URLs. Thread-safe. Handles live as long as the Registry.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The series of family `name` with `labels`; the family is made on first use. The same arguments give the
  // same series. It is a programming error to use a name twice with another help text or other label names
  // (asserted; the first help stays), or with another type, or one that Prometheus does not allow
  // (std::invalid_argument from prometheus-cpp).
  [[nodiscard]] Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  [[nodiscard]] Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  [[nodiscard]] Histogram& histogram(const std::string& name,
                                     const std::string& help,
                                     const std::vector<double>& buckets,
                                     const Labels& labels = {});

  // A collector whose values are computed at scrape time (per-team gauges). Must outlive the registry's last
  // scrape. Several may give series of one family, of the same type and with the same help.
  void collect(std::weak_ptr<prometheus::Collectable> collectable);

  // Prometheus text exposition format 0.0.4, whatever the locale; Content-Type in kContentType. Families are
  // sorted by name and series by labels, so two scrapes differ only where values do.
  [[nodiscard]] std::string expose() const;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tp::metrics
