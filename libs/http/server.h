#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
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
  std::size_t connections_per_peer = 0;                // from one address, likewise; 0: no limit of its own
  std::size_t handlers = 4;                            // threads that run handlers
  std::size_t io_threads = 1;                          // each with connections of its own
  // Bodies that are being read or handled, of all connections together, until their answers are sent. 0: no
  // limit. A request whose announced length does not fit is answered 503 with Retry-After before its body is
  // read, and so is one whose next bytes do not fit when they come. Only bytes that have come are counted: if
  // announcements were, a few peers that send nothing could hold it all until the request's deadline. So a
  // large body may be let in and refused later; bodies over 64 KiB can use three quarters, and leave the rest
  // to small ones. It should be well above the largest body_bytes.
  std::size_t bytes_in_flight = 0;
};

struct ServerRequest : Request {
  std::string peer;  // address of the other end of the connection, without port
};

// Answers one request. Runs on a handler thread; several at once. An escaping exception is answered 500 and
// logged.
using Handler = std::function<Response(const ServerRequest&)>;

// Sends the answer of one request: called once, on any thread, at any time before the request's deadline.
// Dropped without a call it answers 500. After the connection or the server has gone a call does nothing. A
// call is cheap and does not block; a Responder is used by one thread at a time.
class Responder {
 public:
  explicit Responder(std::function<void(Response)> send) : send_(std::move(send)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) = delete;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder() {
    if (send_) send_(Response{500, {}, {}});
  }

  void operator()(Response response) { std::exchange(send_, nullptr)(std::move(response)); }

 private:
  std::function<void(Response)> send_;
};

// Answers a request later, without holding a thread meanwhile. Runs on an I/O thread when the body is small
// (64 KiB), so it must not block unless its Route says so; on a handler thread otherwise. An escaping
// exception is logged; the Responder answers.
using AsyncHandler = std::function<void(ServerRequest, Responder)>;

// A path and what answers it: either `handler` or `async_handler`. HEAD is answered wherever GET is. Another
// method is 405 with Allow, another path 404.
//
// A segment of the form {name} matches any one non-empty segment of a request
// ("/webhooks/generic/{endpoint}"); the handler reads it from the target, percent-encoded as it came. An
// exact path wins over one with a parameter.
struct Route {
  Method method = Method::Get;
  std::string path;
  Handler handler{};
  AsyncHandler async_handler{};
  bool blocks = false;         // async_handler runs on a handler thread however small the body is
  std::size_t body_bytes = 0;  // of this route; 0: ServerLimits::body_bytes
  // From a request's last byte to its answer's last byte; 0: what ServerLimits::request_deadline leaves.
  std::chrono::milliseconds answer_deadline{0};
  Headers refusal_headers{};  // added to every 4xx answer that the server itself gives on this route
};

using Routes = std::vector<Route>;

}  // namespace tp::http
