#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mutex.h"
#include "http_beast/server.h"
#include "log/log.h"
#include "support/catch.h"
#include "support/raw_client.h"

namespace tp::http::test {

using namespace std::chrono_literals;
using tp::test::RawClient;

// A gate that handlers wait at, so that a test decides when a request is in flight and when it ends.
class Gate {
 public:
  // Called by a handler.
  void pass() {
    const MutexLock lock{m_};
    ++waiting_;
    changed_.notify_all();
    changed_.wait(m_, {}, [this]() TP_REQUIRES(m_) { return open_; });
  }
  void open() {
    const MutexLock lock{m_};
    open_ = true;
    changed_.notify_all();
  }
  // Returns when `n` handlers have come.
  void await(int n) {
    const MutexLock lock{m_};
    changed_.wait(m_, {}, [this, n]() TP_REQUIRES(m_) { return waiting_ >= n; });
  }

 private:
  Mutex m_;
  CondVar changed_;
  int waiting_ TP_GUARDED_BY(m_) = 0;
  bool open_ TP_GUARDED_BY(m_) = false;
};

// Keeps the Responders of requests until a test wants them. Thread-safe.
class Desk {
 public:
  // An AsyncHandler's part.
  void put(Responder responder) {
    const MutexLock lock{m_};
    waiting_.push_back(std::move(responder));
    changed_.notify_all();
  }
  // The next one, when it has come.
  [[nodiscard]] Responder take() {
    const MutexLock lock{m_};
    changed_.wait(m_, {}, [this]() TP_REQUIRES(m_) { return !waiting_.empty(); });
    Responder first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }
  // None when stop is requested first.
  [[nodiscard]] std::optional<Responder> take(const std::stop_token& stop) {
    const MutexLock lock{m_};
    if (!changed_.wait(m_, stop, [this]() TP_REQUIRES(m_) { return !waiting_.empty(); })) return std::nullopt;
    std::optional<Responder> first{std::move(waiting_.front())};
    waiting_.pop_front();
    return first;
  }

 private:
  Mutex m_;
  CondVar changed_;
  std::deque<Responder> waiting_ TP_GUARDED_BY(m_);
};

// A server with a few routes: GET /hello, POST /echo (answers method, target, peer, headers "X-*" and body),
// GET /wait (at the gate), GET /throw, GET /split, POST /desk (its Responder goes to the desk), and `more`.
class Fixture {
 public:
  explicit Fixture(const ServerLimits& limits = {}, const Routes& more = {}) {
    Routes all = routes();
    all.insert(all.end(), more.begin(), more.end());
    auto started =
        Server::start("127.0.0.1:0", std::move(all), limits, log::Logger{sink_, "http"}, [this](int status) {
          const MutexLock lock{m_};
          refusals_.push_back(status);
        });
    REQUIRE(started);
    server = *std::move(started);
  }
  ~Fixture() {
    gate.open();  // or the destructor of the server would wait for its handlers
    server.reset();
    ::close(devnull_);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  [[nodiscard]] RawClient client() const {
    RawClient c{server->port()};
    REQUIRE(c.connected());
    return c;
  }
  // Sends `request` on a connection of its own and returns all that comes until the server closes.
  [[nodiscard]] std::string exchange(std::string_view request) const {
    RawClient c = client();
    c.send(request);
    return c.read_all();
  }

  // What the server refused by itself since the last call.
  [[nodiscard]] std::vector<int> take_refusals() TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return std::exchange(refusals_, {});
  }

  Gate gate;
  Desk desk;
  std::unique_ptr<Server> server;

 private:
  [[nodiscard]] Routes routes() {
    const auto echo = [](const ServerRequest& request) {
      std::string text{to_string(request.method)};
      text += " " + request.target + " from " + request.peer;
      for (const auto& [name, value] : request.headers) {
        if (name.starts_with("X-")) text.append(" ").append(name).append("=").append(value);
      }
      return Response{200, {{"Content-Type", "text/plain"}}, text + ": " + request.body};
    };
    const auto wait = [this](const ServerRequest&) {
      gate.pass();
      return Response{200, {}, "waited"};
    };
    const auto fail = [](const ServerRequest&) -> Response {
      throw std::runtime_error("handler's own trouble");
    };
    const auto split = [](const ServerRequest&) {
      return Response{200, {{"X-Bad", "a\r\nX-Injected: b"}}, ""};
    };
    return {{Method::Get, "/hello",
             [](const ServerRequest&) {
               return Response{200, {}, "hello"};
             }},
            {Method::Post, "/echo", echo},
            {Method::Put, "/echo", echo},
            {Method::Get, "/wait", wait},
            {Method::Get, "/throw", fail},
            {Method::Get, "/split", split},
            {.method = Method::Post,
             .path = "/desk",
             .async_handler = [this](ServerRequest, Responder respond) { desk.put(std::move(respond)); }}};
  }

  Mutex m_;
  std::vector<int> refusals_ TP_GUARDED_BY(m_);
  SystemClock clock_;
  int devnull_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  log::Sink sink_{clock_, devnull_, log::Level::Debug, log::Format::Json};
};

inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The head of a request with a body of that many bytes.
inline std::string head_of(std::string_view path, std::size_t size) {
  return "POST " + std::string{path} + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) +
         "\r\n\r\n";
}
inline std::string request_to(std::string_view path, std::string_view body) {
  return head_of(path, body.size()) + std::string{body};
}

inline constexpr std::string_view kGetHello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace tp::http::test
