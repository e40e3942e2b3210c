#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/leader/lease_fsm.h"
#include "kube/runtime/circuit_breaker.h"
#include "log/log.h"
#include "options/options.h"
#include "provisioner/desired/build_context.h"
#include "provisioner/reconcile/release_pacer.h"

namespace tp::provisioner {

// What `team-operator run` is told, by flags and environment.
struct RunOptions {
  std::string kubeconfig;  // empty: the pod's own ServiceAccount
  std::vector<std::string> watch_namespaces;
  std::string watch_label_selector;
  bool leader_elect = false;
  std::string leader_election_namespace;  // empty: the pod's own
  kube::LeaseTimes lease_times;
  unsigned workers = 4;
  std::chrono::milliseconds resync_interval{std::chrono::minutes{10}};
  kube::CircuitBreakerSettings breaker;
  // Files with the tokens that the operator bears there; without the first it leaves the services alone.
  std::string config_service_token_file;
  std::string ai_pipeline_url;
  std::string ai_pipeline_token_file;
  std::chrono::milliseconds drift_interval{std::chrono::minutes{10}};
  std::chrono::milliseconds deletion_give_up{std::chrono::minutes{15}};
  unsigned platform_workers = 4;
  ReleasePacer::Settings releases{};
  std::vector<std::string> connect_to;
  std::string metrics_bind_address;
  std::string health_probe_bind_address;
  std::string debug_bind_address;  // empty: none
  bool team_metrics = true;
  log::Level log_level = log::Level::Info;
  log::Format log_format = log::Format::Json;
  BuildContext build;
};

// What `team-operator plan` is told.
struct PlanOptions {
  std::string file;
  std::string ns;  // for manifests that name none
  BuildContext build;
};

// The tables behind parsing, --help and docs/configuration.md. `options` must outlive the table.
[[nodiscard]] options::Table run_table(RunOptions& options);
[[nodiscard]] options::Table plan_table(PlanOptions& options);

// Their parts that other commands have too: how to reach the API server, and everything that `run` is told.
void add_kubeconfig(options::Table& table, std::string& kubeconfig);
void add_run(options::Table& table, RunOptions& options);
[[nodiscard]] options::Option config_service_token_option(RunOptions& options);
[[nodiscard]] options::Option connect_to_option(RunOptions& options);
void add_build(options::Table& table, BuildContext& build);

// With the settings that follow from others. InvalidArgument names a flag that another one needs.
[[nodiscard]] Result<RunOptions> completed(RunOptions options);

}  // namespace tp::provisioner
