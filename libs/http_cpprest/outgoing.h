#pragma once

#include <string>

#include <cpprest/http_msg.h>

#include "base/result.h"
#include "crypto/secret.h"
#include "http/types.h"

namespace tp::http {

// Refuses what cpprestsdk would send as it is and a peer would read as something else: a target that is no
// path, names and values that could end their line, headers that are the client's own to set.
// InvalidArgument.
[[nodiscard]] Status check_request(const Request& request);

// What every request of a client carries besides its own.
struct Outgoing {
  std::string prefix;      // path in front of the target
  std::string host;        // Host header; empty = cpprestsdk writes the address that it connects to
  std::string user_agent;  // unless the request has one
  crypto::Secret bearer;   // unless empty or the request has an Authorization header
};

// A checked request as cpprestsdk takes it. Each attempt needs one of its own. Throws what cpprestsdk throws.
[[nodiscard]] web::http::http_request to_cpprest(const Request& request, const Outgoing& common);

}  // namespace tp::http
