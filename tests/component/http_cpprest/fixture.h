#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "http_cpprest/client.h"
#include "support/catch.h"
#include "support/raw_server.h"

namespace tp::http::test {

using tp::test::header_of;
using tp::test::http_answer;
using tp::test::http_chunk;
using tp::test::RawServer;

// Generous: a test that needs as long has failed.
inline constexpr std::chrono::seconds kPatience{20};
inline constexpr std::size_t kPoolThreads = 3;

// Real time: what is tested here is what happens on sockets while it passes.
inline const Clock& real_clock() {
  static const SystemClock kClock;
  return kClock;
}

inline Context within(std::chrono::milliseconds timeout, std::stop_token stop = {}) {
  return Context{std::move(stop), real_clock().now() + timeout, ""};
}

inline Context patient(std::stop_token stop = {}) { return within(kPatience, std::move(stop)); }

// Once a process, as main does.
inline bool client_threads_ready() {
  static const bool kReady = init_client_threads(kPoolThreads).has_value();
  return kReady;
}

inline std::unique_ptr<HttpClient> make_client(ClientOptions options) {
  REQUIRE(client_threads_ready());
  auto client = create_client(std::move(options), real_clock());
  if (!client) FAIL(client.error());
  return *std::move(client);
}

inline ClientOptions options_for(const std::string& url) {
  ClientOptions options;
  options.base_url = url;
  return options;
}

inline std::unique_ptr<HttpClient> make_client(const std::string& url) {
  return make_client(options_for(url));
}

// Answers every request of every connection with the same bytes.
inline RawServer::Script always(std::string answer) {
  return [answer = std::move(answer)](RawServer::Peer& peer) {
    while (peer.read_request()) {
      if (!peer.write(answer)) return;
    }
  };
}

// Something that happens once, for others to wait for. Thread-safe.
class Signal {
 public:
  void set() {
    const MutexLock lock{m_};
    set_ = true;
    changed_.notify_all();
  }

  // False when it did not happen in time.
  [[nodiscard]] bool wait(std::chrono::milliseconds patience = kPatience) {
    const MutexLock lock{m_};
    return changed_.wait_until(m_, {}, real_clock().now() + patience,
                               [this]() TP_REQUIRES(m_) { return set_; });
  }

 private:
  Mutex m_;
  CondVar changed_;
  bool set_ TP_GUARDED_BY(m_) = false;
};

// Polls until the condition holds; false when it does not in time.
inline bool eventually(const std::function<bool()>& condition) {
  const SteadyTime end = real_clock().now() + kPatience;
  Signal never;
  while (!condition()) {
    if (real_clock().now() > end || never.wait(std::chrono::milliseconds{5})) return false;
  }
  return true;
}

// Hands what it gets to functions; without them it takes everything.
class FunctionSink final : public ResponseSink {
 public:
  explicit FunctionSink(std::function<Status(std::string_view)> bytes, std::function<Status(int)> head = {})
      : bytes_(std::move(bytes)), head_(std::move(head)) {}
  Status on_head(int status, const Headers& /*headers*/) override { return head_ ? head_(status) : ok(); }
  Status on_bytes(std::string_view bytes) override { return bytes_(bytes); }

 private:
  std::function<Status(std::string_view)> bytes_;
  std::function<Status(int)> head_;
};

}  // namespace tp::http::test
