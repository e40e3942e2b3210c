#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "support/test_pki.h"

struct ssl_ctx_st;
struct ssl_st;

namespace tp::test {

// A TCP or TLS server on 127.0.0.1 that answers exactly the bytes that a test's script says, right or wrong
// HTTP.
//
//   RawServer server{[](RawServer::Peer& peer) {
//     while (peer.read_request()) peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
//   }};
//
// Each connection runs the script on a thread of its own; it ends when the script returns. The destructor
// cuts all connections, so that a script blocked in read or write returns, and joins. Thread-safe.
class RawServer {
 public:
  struct Tls {
    TestIdentity identity{};
    std::string client_ca{};  // when given, a client certificate of this CA is required
    int max_version = 0;      // TLS1_1_VERSION …; 0 = the newest
  };

  class Peer {
   public:
    // A request: header and, after its Content-Length, body. Nothing when the connection ended first.
    std::optional<std::string> read_request();
    // False when the peer is gone.
    bool write(std::string_view bytes);
    // Waits until the client closes; what it sends meanwhile is dropped.
    void wait_closed();
    // Ends the connection with RST instead of FIN.
    void reset() const;
    // "CN" of the client's certificate; empty without one.
    [[nodiscard]] std::string client_name() const;
    // The server name that the client asked for (SNI); empty without one.
    [[nodiscard]] std::string server_name() const;
    // 0 for the first connection of the server.
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

   private:
    friend class RawServer;
    Peer(RawServer& server, int fd, std::size_t index) : server_(server), fd_(fd), index_(index) {}
    bool handshake();
    std::ptrdiff_t read_some(char* data, std::size_t size);

    RawServer& server_;
    int fd_;
    std::size_t index_;
    ssl_st* ssl_ = nullptr;
    std::string unread_;
  };

  using Script = std::function<void(Peer&)>;

  explicit RawServer(Script script);
  RawServer(Script script, const Tls& tls);
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  // http(s)://127.0.0.1:port
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::size_t connections() const TP_EXCLUDES(m_);
  // Those of them that are open still.
  [[nodiscard]] std::size_t open_connections() const TP_EXCLUDES(m_);
  // Every request read so far, whole, in the order of reading.
  [[nodiscard]] std::vector<std::string> requests() const TP_EXCLUDES(m_);

 private:
  void listen_on_loopback();
  void accept_loop();
  void serve(int fd, std::size_t index);

  const Script script_;
  std::shared_ptr<ssl_ctx_st> tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;

  mutable Mutex m_;
  bool stopping_ TP_GUARDED_BY(m_) = false;
  std::size_t accepted_ TP_GUARDED_BY(m_) = 0;
  std::vector<int> open_ TP_GUARDED_BY(m_);
  std::vector<std::string> requests_ TP_GUARDED_BY(m_);
  std::vector<std::jthread> scripts_ TP_GUARDED_BY(m_);

  std::jthread acceptor_;
};

// The value of a request's header, name without regard to case; `request` as read_request gives it.
[[nodiscard]] std::optional<std::string> header_of(const std::string& request, std::string_view name);
// The bytes of a whole answer with Content-Length.
[[nodiscard]] std::string http_answer(int status, std::string_view body, std::string_view extra_headers = {});
// One chunk of a chunked body; the last one is http_chunk("").
[[nodiscard]] std::string http_chunk(std::string_view bytes);

}  // namespace tp::test
