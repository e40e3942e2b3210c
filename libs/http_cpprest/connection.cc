#include "http_cpprest/connection.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>

#include "http_cpprest/socket.h"

namespace tp::http {
namespace {

using boost::asio::ip::tcp;
using TlsStream = boost::asio::ssl::stream<tcp::socket&>;

// cpprestsdk's own timeout restarts with every byte and its default of 30 s would end quiet watches; every
// deadline is kept by Transfer instead. Long enough never to be first.
constexpr std::chrono::hours kNever{24 * 365};

// More idle connections than this serve no load that had them at once a moment ago.
constexpr std::size_t kMaxIdle = 64;

}  // namespace

void Connection::Line::set(std::weak_ptr<Transfer> transfer) {
  const MutexLock lock{m_};
  transfer_ = std::move(transfer);
}

std::shared_ptr<Transfer> Connection::Line::transfer() const {
  const MutexLock lock{m_};
  return transfer_.lock();
}

Connection::Connection(Destination route, std::chrono::milliseconds tcp_user_timeout)
    : route_(std::move(route)), client_(web::uri{route_.base}, config(route_, tcp_user_timeout, line_)) {}

web::http::client::http_client_config Connection::config(const Destination& route,
                                                         std::chrono::milliseconds tcp_user_timeout,
                                                         const std::shared_ptr<Line>& line) {
  web::http::client::http_client_config config;
  config.set_max_redirects(0);
  config.set_timeout(kNever);
  // cpprestsdk would send the Host header, port and all, as server name. Ours is set in the hook. Only where
  // cpprestsdk resolves a name may it try several sockets, of which the hook sees one; there the name is
  // right.
  config.set_tlsext_sni_enabled(route.by_name);
  if (route.tls) {
    config.set_ssl_context_callback([tls = route.tls](boost::asio::ssl::context& context) {
      if (!tls->apply(context.native_handle())) throw std::runtime_error("OpenSSL refused the TLS settings");
    });
  }
  // Runs on a pool thread before each request, also on a kept-alive connection, and before a new one is
  // connected.
  config.set_nativehandle_options([line, tls = route.tls, by_name = route.by_name,
                                   tcp_user_timeout](web::http::client::native_handle handle) {
    const std::shared_ptr<Transfer> transfer = line->transfer();
    if (!transfer) throw std::runtime_error("the caller has gone");
    tcp::socket& socket =
        tls ? static_cast<TlsStream*>(handle)->next_layer() : *static_cast<tcp::socket*>(handle);
    const bool reused = socket.is_open();
    if (!reused) socket.open(by_name ? tcp::v6() : tcp::v4());
    if (!harden_socket(socket.native_handle(), tcp_user_timeout)) {
      throw std::runtime_error("the socket refused its options");
    }
    transfer->use_socket(socket.native_handle(), reused, tls != nullptr);
    if (tls && !tls->prepare(static_cast<TlsStream*>(handle)->native_handle(), transfer->verdict())) {
      throw std::runtime_error("OpenSSL refused the server name");
    }
  });
  return config;
}

std::unique_ptr<Connection> ConnectionPool::take(const Destination& route) {
  {
    const MutexLock lock{m_};
    idle_.erase(
        std::remove_if(idle_.begin(), idle_.end(), [&](const auto& c) { return c->route() != route; }),
        idle_.end());
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  return make(route);
}

std::unique_ptr<Connection> ConnectionPool::make(const Destination& route) const {
  return std::make_unique<Connection>(route, tcp_user_timeout_);
}

void ConnectionPool::put(std::unique_ptr<Connection> connection) {
  const MutexLock lock{m_};
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
}

}  // namespace tp::http
