#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "http/client.h"
#include "http/token_source.h"

namespace tp::gateway::test {

inline http::Exchange answer(int status, std::string body = "{}", http::Headers headers = {}) {
  return {http::Response{status, std::move(headers), std::move(body)}, true};
}
inline http::Exchange not_connected() { return {Error{ErrorCode::Unavailable, "connection refused"}, false}; }
inline http::Exchange closed_by_peer() { return {Error{ErrorCode::Unavailable, "connection lost"}, true}; }
inline http::Exchange too_late() { return {Error{ErrorCode::DeadlineExceeded, "deadline passed"}, true}; }

// Answers by a function of the test's; keeps every request. Exchanges that are started end on the thread that
// starts them, or when the test says so.
class FakeService final : public http::HttpClient {
 public:
  using Serve = std::function<http::Exchange(const http::Request&)>;
  explicit FakeService(Serve serve) : serve_(std::move(serve)) {}

  void serve(Serve serve) {
    const MutexLock lock{m_};
    serve_ = std::move(serve);
  }
  // Started exchanges are kept open until end_held().
  void hold(bool held) {
    const MutexLock lock{m_};
    hold_ = held;
  }
  void end_held(const http::Exchange& exchange) {
    std::vector<std::function<void(http::Exchange)>> held;
    {
      const MutexLock lock{m_};
      held.swap(held_);
    }
    for (const auto& done : held) done(exchange);
  }

  [[nodiscard]] std::vector<http::Request> requests() {
    const MutexLock lock{m_};
    return requests_;
  }
  [[nodiscard]] std::size_t count(std::string_view part) {
    std::size_t n = 0;
    for (const http::Request& request : requests())
      n += request.target.find(part) == std::string::npos ? 0U : 1U;
    return n;
  }

  [[nodiscard]] Result<http::Response> send(const Context& /*ctx*/, const http::Request& request) override {
    return note(request)(request).result;
  }
  void start(const Context& /*ctx*/,
             http::Request request,
             std::function<void(http::Exchange)> done) override {
    const Serve serve = note(request);
    {
      const MutexLock lock{m_};
      if (hold_) return held_.push_back(std::move(done));
    }
    done(serve(request));
  }
  [[nodiscard]] Status stream(const Context& /*ctx*/,
                              const http::Request& /*request*/,
                              http::ResponseSink& /*sink*/) override {
    return Error{ErrorCode::Internal, "not used"};
  }

 private:
  Serve note(const http::Request& request) {
    const MutexLock lock{m_};
    requests_.push_back(request);
    return serve_;
  }

  Mutex m_;
  Serve serve_ TP_GUARDED_BY(m_);
  bool hold_ TP_GUARDED_BY(m_) = false;
  std::vector<http::Request> requests_ TP_GUARDED_BY(m_);
  std::vector<std::function<void(http::Exchange)>> held_ TP_GUARDED_BY(m_);
};

// Hands out what another owns.
class Borrowed final : public http::HttpClient {
 public:
  explicit Borrowed(http::HttpClient& client) : client_(client) {}
  [[nodiscard]] Result<http::Response> send(const Context& ctx, const http::Request& request) override {
    return client_.send(ctx, request);
  }
  void start(const Context& ctx, http::Request request, std::function<void(http::Exchange)> done) override {
    client_.start(ctx, std::move(request), std::move(done));
  }
  [[nodiscard]] Status stream(const Context& ctx,
                              const http::Request& request,
                              http::ResponseSink& sink) override {
    return client_.stream(ctx, request, sink);
  }

 private:
  http::HttpClient& client_;
};

class NoToken final : public http::TokenSource {
 public:
  [[nodiscard]] Result<crypto::Secret> token(const Context& /*ctx*/) override {
    return crypto::Secret{"admin"};
  }
  void rejected() noexcept override {}
};

}  // namespace tp::gateway::test
