#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "http/types.h"

namespace tp::http {

struct ServerLimits {
  std::size_t header_bytes = std::size_t{16} << 10U;
  std::size_t body_bytes = std::size_t{1} << 20U;
  // All absolute: no trickle of bytes extends one.
  std::chrono::milliseconds header_deadline{
      10'000};  // from accept, later from a request's first byte, to the header's end
  std::chrono::milliseconds request_deadline{60'000};  // from the first byte to the last byte of the answer
  std::chrono::milliseconds idle_timeout{75'000};      // a kept-alive connection without a request
  std::size_t connections = 1024;                      // in all; one more is answered 503 and closed
  std::size_t handlers = 4;                            // threads that run handlers
};

struct ServerRequest : Request {
  std::string peer;  // address of the other end of the connection, without port
};

// Answers one request. Runs on a handler thread; several at once. An escaping exception is answered 500 and
// logged.
using Handler = std::function<Response(const ServerRequest&)>;

// An exact path and the methods that it has; HEAD is answered wherever GET is. Another method is 405 with
// Allow, another path 404.
struct Route {
  Method method = Method::Get;
  std::string path;
  Handler handler;
};

using Routes = std::vector<Route>;

}  // namespace tp::http
