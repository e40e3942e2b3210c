#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/probe/report.h"
#include "log/log.h"
#include "options/options.h"

namespace tp::gateway {

struct ProbeOptions {
  enum class Output : std::uint8_t { Text, Json };

  std::string url;
  std::string secret_file;
  std::string admin_url;
  std::string admin_token_file;
  std::string ca_file;
  std::vector<std::string> connect_to;
  std::chrono::milliseconds timeout{};
  Output output = Output::Text;
};

// The options must outlive the table.
[[nodiscard]] options::Table probe_table(ProbeOptions& options);

// `webhook-gateway probe`. An error says that it could not be asked at all: a flag or a file is wrong.
[[nodiscard]] Result<ProbeReport> run_probe(const ProbeOptions& options,
                                            std::stop_token stop,
                                            log::Sink& sink);

}  // namespace tp::gateway
