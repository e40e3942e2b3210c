#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <cpprest/http_client.h>

#include "base/mutex.h"
#include "http_cpprest/tls.h"
#include "http_cpprest/transfer.h"

namespace tp::http {

// Where a connection goes and how: connections to equal destinations serve each other's requests.
struct Destination {
  std::string base;  // scheme, address and port
  bool by_name =
      false;  // the address is a DNS name, which cpprestsdk resolves (only for names without IPv4 addresses)
  std::shared_ptr<const TlsContext> tls;  // null for http

  friend bool operator==(const Destination&, const Destination&) = default;
};

// One cpprestsdk client that serves one request at a time, so one TCP connection, kept alive between
// requests.
//
// cpprestsdk shows the socket of a request only to a hook that is set per client and runs on a pool thread;
// with one request a client the hook knows whose socket it sees.
class Connection {
 public:
  Connection(Destination route, std::chrono::milliseconds tcp_user_timeout);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() = default;

  [[nodiscard]] const Destination& route() const noexcept { return route_; }
  [[nodiscard]] web::http::client::http_client& client() noexcept { return client_; }
  // The transfer that the next request belongs to.
  void serve(const std::shared_ptr<Transfer>& transfer) { line_->set(transfer); }

 private:
  // Shared with the hook, which may outlive this object by one request.
  class Line {
   public:
    void set(std::weak_ptr<Transfer> transfer) TP_EXCLUDES(m_);
    [[nodiscard]] std::shared_ptr<Transfer> transfer() const TP_EXCLUDES(m_);

   private:
    mutable Mutex m_;
    std::weak_ptr<Transfer> transfer_ TP_GUARDED_BY(m_);
  };

  [[nodiscard]] static web::http::client::http_client_config config(
      const Destination& route,
      std::chrono::milliseconds tcp_user_timeout,
      const std::shared_ptr<Line>& line);

  const Destination route_;
  const std::shared_ptr<Line> line_ = std::make_shared<Line>();
  web::http::client::http_client client_;
};

// Connections that wait for their next request. Thread-safe.
class ConnectionPool {
 public:
  explicit ConnectionPool(std::chrono::milliseconds tcp_user_timeout) : tcp_user_timeout_(tcp_user_timeout) {}

  // The most recently used idle connection of that route, else a new one. Idle connections of other routes
  // are dropped: the address or the certificates have changed.
  [[nodiscard]] std::unique_ptr<Connection> take(const Destination& route) TP_EXCLUDES(m_);
  [[nodiscard]] std::unique_ptr<Connection> make(const Destination& route) const;
  void put(std::unique_ptr<Connection> connection) TP_EXCLUDES(m_);

 private:
  const std::chrono::milliseconds tcp_user_timeout_;
  Mutex m_;
  std::vector<std::unique_ptr<Connection>> idle_ TP_GUARDED_BY(m_);
};

}  // namespace tp::http
