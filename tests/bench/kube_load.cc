// Sends server-side applies to an API server as fast as it answers: what test_operator.py makes teams with,
// and the raw loader that the operator is compared with.
//
//   kube_load KUBECONFIG THREADS < requests
//
// Each line of the input is a JSON array of requests that are sent one after the other; lines are taken by
// the threads in turn. A request: {"group", "version", "plural", "kind", "namespace", "name", "subresource"
// (may be missing), "body" (the apply configuration)}. Prints {"requests", "seconds", "cpu_seconds"}; the
// first request that fails ends it.

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "http_cpprest/client.h"
#include "json/parse.h"
#include "kube/cluster/cluster.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp {
namespace {

using Json = nlohmann::json;

[[noreturn]] void fail(const std::string& what) {
  std::cerr << "kube_load: " << what << '\n';
  std::exit(1);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void send(kube::ApiClient& api, const Clock& clock, const Json& request) {
  const auto text = [&](const char* member) { return request.value(member, ""); };
  const std::string group = text("group");
  const std::string version = text("version");
  const std::string plural = text("plural");
  const std::string kind = text("kind");
  const std::string ns = text("namespace");
  const std::string subresource = text("subresource");
  const kube::ResourceType type{group, version, plural, kind, !ns.empty()};
  const Context ctx{{}, clock.now() + std::chrono::minutes{2}, "load"};
  const auto applied = api.apply(ctx, type, {ns, text("name")}, json::dump(request.at("body")),
                                 {.field_manager = "kube-load", .subresource = subresource});
  if (!applied) fail(applied.error().message);
}

int run(const std::string& kubeconfig, std::size_t threads) {
  std::vector<Json> lines;
  for (std::string line; std::getline(std::cin, line);) {
    auto parsed = json::parse(line);
    if (!parsed || !parsed->is_array()) fail("a line that is no array");
    lines.push_back(*std::move(parsed));
  }
  if (const auto sized = http::init_client_threads(4); !sized) fail(sized.error().message);
  const SystemClock clock;
  log::Sink sink{clock, STDERR_FILENO, log::Level::Warn, log::Format::Text};
  metrics::Registry registry;
  const auto config = kube::find_config(kubeconfig);
  if (!config) fail(config.error().message);
  const auto cluster =
      kube::Cluster::connect(*config, "kube-load", clock, log::Logger{sink, "load"}, registry);
  if (!cluster) fail(cluster.error().message);

  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> sent{0};
  const SteadyTime begun = clock.now();
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        for (std::size_t line = next++; line < lines.size(); line = next++) {
          for (const Json& request : lines[line]) {
            send((*cluster)->api(), clock, request);
            ++sent;
          }
        }
      });
    }
  }
  const double seconds = std::chrono::duration<double>(clock.now() - begun).count();
  std::cout << Json{{"requests", sent.load()}, {"seconds", seconds}, {"cpu_seconds", cpu_seconds()}} << '\n';
  return 0;
}

}  // namespace
}  // namespace tp

int main(int argc, char* argv[]) {
  if (argc != 3) tp::fail("KUBECONFIG THREADS < requests");
  return tp::run(argv[1], std::stoul(argv[2]));
}
