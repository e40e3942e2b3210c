#pragma once

#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "http_beast/server.h"
#include "log/log.h"

namespace tp::provisioner {

// For people who look into a running operator, on loopback only (kubectl port-forward leads there):
//   GET /debug/state       what it does at this moment, as JSON
//   GET /debug/loglevel    "info"
//   PUT /debug/loglevel    body "debug": from now on; until the next start
// `address` is one that options() lets through. What it is given must outlive the result, which serves until
// it is destroyed.
[[nodiscard]] Result<std::unique_ptr<http::Server>> serve_debug(const std::string& address,
                                                                std::function<nlohmann::json()> state,
                                                                log::Sink& sink,
                                                                const log::Logger& log);

}  // namespace tp::provisioner
