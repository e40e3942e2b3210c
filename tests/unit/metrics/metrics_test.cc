#include "metrics/metrics.h"

#include <limits>
#include <locale>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

#include "metrics/collected.h"
#include "metrics/gauge_text.h"
#include "support/catch.h"

namespace tp::metrics {
namespace {

TEST_CASE("a series exists at zero from its declaration, sorted by name and labels") {
  Registry r;
  (void)r.counter("workqueue_adds_total", "Total adds.", {{"name", "team"}});
  (void)r.gauge("workqueue_depth", "Depth.", {{"name", "team"}, {"class", "resync"}});
  (void)r.gauge("workqueue_depth", "Depth.", {{"name", "team"}, {"class", "edit"}});
  (void)r.counter("a_total", "First.");
  CHECK(r.expose() ==
        "# HELP a_total First.\n"
        "# TYPE a_total counter\n"
        "a_total 0\n"
        "# HELP workqueue_adds_total Total adds.\n"
        "# TYPE workqueue_adds_total counter\n"
        "workqueue_adds_total{name=\"team\"} 0\n"
        "# HELP workqueue_depth Depth.\n"
        "# TYPE workqueue_depth gauge\n"
        "workqueue_depth{class=\"edit\",name=\"team\"} 0\n"
        "workqueue_depth{class=\"resync\",name=\"team\"} 0\n");
}

TEST_CASE("the same arguments give the same series, other labels another one") {
  Registry r;
  Counter& ok = r.counter("runs_total", "Runs.", {{"result", "ok"}});
  ok.Increment();
  r.counter("runs_total", "Runs.", {{"result", "ok"}}).Increment();
  CHECK(&r.counter("runs_total", "Runs.", {{"result", "ok"}}) == &ok);
  CHECK(&r.counter("runs_total", "Runs.", {{"result", "error"}}) != &ok);
  CHECK(r.expose().find("runs_total{result=\"ok\"} 2\n") != std::string::npos);
}

TEST_CASE("a histogram has cumulative buckets, sum and count") {
  Registry r;
  Histogram& h = r.histogram("seconds", "Time.", {0.005, 1, 10}, {{"controller", "team"}});
  h.Observe(0.001);
  h.Observe(0.5);
  h.Observe(100);
  CHECK(r.expose() ==
        "# HELP seconds Time.\n"
        "# TYPE seconds histogram\n"
        "seconds_count{controller=\"team\"} 3\n"
        "seconds_sum{controller=\"team\"} 100.501\n"
        "seconds_bucket{controller=\"team\",le=\"0.005\"} 1\n"
        "seconds_bucket{controller=\"team\",le=\"1\"} 2\n"
        "seconds_bucket{controller=\"team\",le=\"10\"} 2\n"
        "seconds_bucket{controller=\"team\",le=\"+Inf\"} 3\n");
  CHECK(&r.histogram("seconds", "Time.", {0.005, 1, 10}, {{"controller", "team"}}) == &h);
}

TEST_CASE("label values are escaped, and special values are Prometheus's") {
  Registry r;
  r.gauge("g", "G.", {{"v", "a\"b\\c\nd"}}).Set(std::numeric_limits<double>::infinity());
  CHECK(r.expose().find("g{v=\"a\\\"b\\\\c\\nd\"} +Inf\n") != std::string::npos);
}

TEST_CASE("numbers keep their precision") {
  Registry r;
  r.gauge("resource_version", "Large.").Set(9007199254740991.0);
  r.gauge("time_seconds", "Now.").Set(1795363284.123456);
  const std::string text = r.expose();
  CHECK(text.find("resource_version 9007199254740991\n") != std::string::npos);
  CHECK(text.find("time_seconds 1795363284.123456\n") != std::string::npos);
}

// Digits in groups and a decimal comma, as a German locale writes them.
struct Commas : std::numpunct<char> {
  [[nodiscard]] char do_decimal_point() const override { return ','; }
  [[nodiscard]] char do_thousands_sep() const override { return '.'; }
  [[nodiscard]] std::string do_grouping() const override { return "\3"; }
};

TEST_CASE("the program's locale changes nothing") {
  Registry r;
  r.gauge("g", "G.").Set(1234567.5);
  const std::locale before = std::locale::global(std::locale{std::locale{}, new Commas});
  const std::string text = r.expose();
  std::locale::global(before);
  CHECK(text.find("g 1234567.5\n") != std::string::npos);
}

class PerTeam final : public prometheus::Collectable {
 public:
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily family;
    family.name = "b_per_team";
    family.help = "At scrape.";
    family.type = prometheus::MetricType::Gauge;
    family.metric.resize(1);
    family.metric.front().gauge.value = 42;
    return {family};
  }
};

TEST_CASE("collectors are asked at each scrape, in their place, until they are gone") {
  Registry r;
  (void)r.gauge("a", "A.");
  (void)r.gauge("c", "C.");
  auto collector = std::make_shared<PerTeam>();
  r.collect(collector);
  const std::string with = r.expose();
  CHECK(with.find("b_per_team 42\n") != std::string::npos);
  CHECK(with.find("a 0\n") < with.find("b_per_team"));
  CHECK(with.find("b_per_team") < with.find("c 0\n"));
  collector.reset();
  CHECK(r.expose().find("b_per_team") == std::string::npos);
}

TEST_CASE("a family that two collectors have series of is told once") {
  Registry r;
  const auto one_of = [](const char* queue) {
    return collector([queue] {
      GaugeFamily depth{"depth", "Depth."};
      depth.add({{"name", queue}}, 1);
      return Families{std::move(depth).take()};
    });
  };
  const auto second = one_of("b");
  const auto first = one_of("a");
  r.collect(second);
  r.collect(first);
  CHECK(r.expose() ==
        "# HELP depth Depth.\n"
        "# TYPE depth gauge\n"
        "depth{name=\"a\"} 1\n"
        "depth{name=\"b\"} 1\n");
}

TEST_CASE("gauges as text, escaped") {
  GaugeText gauge{"g", "G."};
  gauge.add(label_text({{"a", "1"}, {"v", "a\"b\\c\nd"}}), 0.25);
  gauge.add(label_text({{"a", "2"}, {"v", ""}}), 1e21);
  CHECK(std::move(gauge).take() ==
        "# HELP g G.\n"
        "# TYPE g gauge\n"
        "g{a=\"1\",v=\"a\\\"b\\\\c\\nd\"} 0.25\n"
        "g{a=\"2\",v=\"\"} 1e+21\n");
}

TEST_CASE("a name cannot have two types, nor be one that Prometheus refuses") {
  Registry r;
  (void)r.counter("x_total", "X.");
  CHECK_THROWS_AS(r.gauge("x_total", "X."), std::invalid_argument);
  CHECK_THROWS_AS(r.gauge("no-dashes", "X."), std::invalid_argument);
}

}  // namespace
}  // namespace tp::metrics
