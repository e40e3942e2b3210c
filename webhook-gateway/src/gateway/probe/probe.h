#pragma once

#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "crypto/secret.h"
#include "gateway/probe/report.h"
#include "http/client.h"

namespace tp::gateway {

struct ProbeTarget {
  http::HttpClient& webhooks;
  crypto::Secret secret;              // whsec_…: it signs
  http::HttpClient* admin = nullptr;  // null: nobody is asked what became of it
  crypto::Secret admin_token{};       // may read events
};

// Sends a signed webhook of the source `probe`, once, and follows it to its end through the admin API, for as
// long as `ctx` says. `id` is a text of its own, without dots. Whatever goes wrong is the report's problem;
// it names no secret.
[[nodiscard]] ProbeReport probe(const Context& ctx,
                                const ProbeTarget& target,
                                std::string id,
                                const Clock& clock);

}  // namespace tp::gateway
