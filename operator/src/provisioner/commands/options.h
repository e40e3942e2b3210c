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
  Mode mode = Mode::Retain;
  std::chrono::milliseconds time_limit{};
};

// The tables behind parsing and --help. `options` must outlive the table.
[[nodiscard]] options::Table preflight_table(PreflightOptions& options);
[[nodiscard]] options::Table crds_table(const std::string& command, CrdsOptions& options);
[[nodiscard]] options::Table drain_table(DrainOptions& options);

// Their sections of docs/configuration.md.
[[nodiscard]] std::string commands_markdown();

}  // namespace tp::provisioner
