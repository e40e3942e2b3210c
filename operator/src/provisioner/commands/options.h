#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "options/options.h"
#include "provisioner/app/options.h"

namespace tp::provisioner {

// What the commands around an installation are told.

struct PreflightOptions {
  enum class Output { Text, Json };

  RunOptions run;
  Output output = Output::Text;
};

struct CrdsOptions {
  std::string kubeconfig;
  std::chrono::milliseconds time_limit{};
};

struct DrainOptions {
  enum class Mode { Retain, Delete };

  std::string kubeconfig;
  std::vector<std::string> watch_namespaces;
  std::string watch_label_selector;
  Mode mode = Mode::Retain;
  std::chrono::milliseconds time_limit{};
};

struct ImportOptions {
  enum class Output { Yaml, Json, Summary };

  RunOptions run;  // as far as it tells what the operator would make, and where the services are
  std::vector<std::string> namespaces;
  std::vector<std::string> orgs;
  std::vector<std::string> teams;
  bool own_routing = false;
  bool apply = false;
  std::string field_manager;
  Output output = Output::Yaml;
  std::chrono::milliseconds time_limit{};
};

// The tables behind parsing and --help. `options` must outlive the table.
[[nodiscard]] options::Table preflight_table(PreflightOptions& options);
[[nodiscard]] options::Table crds_table(const std::string& command, CrdsOptions& options);
[[nodiscard]] options::Table drain_table(DrainOptions& options);
[[nodiscard]] options::Table import_table(ImportOptions& options);

// Their sections of docs/configuration.md.
[[nodiscard]] std::string commands_markdown();

}  // namespace tp::provisioner
