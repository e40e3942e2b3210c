#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/context.h"
#include "base/result.h"
#include "http/server.h"
#include "log/log.h"

namespace tp::http {

// An HTTP/1.1 listener for untrusted peers. `limits.io_threads` threads do all I/O, each for its share of the
// connections, which are dealt out in turn; `limits.handlers` threads run the handlers, so a slow Handler
// delays requests and never connections.
//
// Every limit of ServerLimits is enforced, and a header has at most 100 fields (431). A request that could be
// read in two ways is refused with 400 and its connection closed: Content-Length beside Transfer-Encoding,
// either of them twice, a coding other than "chunked" (501), not exactly one Host, a line that ends without
// CR, a folded field, a blank before a colon. So is a body with a Content-Encoding (415): nothing is decoded
// here. After a refusal the connection is kept only when the request had no body and its end is certain (404,
// 405, 415). Trailers are read and dropped. Header values of an answer that are not valid make it a 500.
// Connection, Content-Length, Transfer-Encoding and Date of an answer are the server's own.
//
// Paths are compared as they came: no slash is added or dropped, nothing decoded.
//
// Memory follows what peers have sent: a connection that waits holds no buffer, and a body grows as it comes,
// whatever length is announced.
//
// Thread-safe. Sockets are close-on-exec.
class Server {
 public:
  // Hears the status of each request that the server refused before any handler saw it, and a 503 for each
  // connection that it turned away; for metrics. Called on I/O threads, several at once.
  using OnRefusal = std::function<void(int status)>;

  // Listens on `bind_address` (http/address.h) and serves `routes` until it is destroyed. InvalidArgument for
  // a bad address, Unavailable when the system refuses (address in use, privileged port). What `log` writes
  // to must outlive the Server.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const std::string& bind_address,
                                                             Routes routes,
                                                             const ServerLimits& limits,
                                                             log::Logger log,
                                                             OnRefusal on_refusal = {});

  // Stops hard: connections are cut, and what handlers and Responders still answer is dropped. Waits for
  // handlers that run.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The port that it listens on, also when 0 was asked for.
  [[nodiscard]] std::uint16_t port() const noexcept;

  // Stops accepting (what waits in the backlog is taken first), lets requests in flight be answered (with
  // `Connection: close`), then closes idle connections, and returns when none is left. A connection that was
  // in use less than a second ago stays open for so long, so that a peer that sends one request after the
  // other learns from an answer that it is the last. DeadlineExceeded or Cancelled when that did not happen
  // in time; the destructor cuts the rest. Telling the load balancer first (readiness) is the caller's
  // business. Cannot be undone.
  [[nodiscard]] Status drain(const Context& ctx);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tp::http
