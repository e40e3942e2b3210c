#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "http_cpprest/client.h"
#include "support/catch.h"
#include "support/raw_server.h"

namespace tp::http::test {

// Generous: a test that needs as long has failed.
inline constexpr std::chrono::seconds kPatience{20};

// Real time: what is tested here is what happens on sockets while it passes.
inline const Clock& real_clock() {
  static const SystemClock kClock;
  return kClock;
}

inline Context within(std::chrono::milliseconds timeout, std::stop_token stop = {}) {
  return Context{std::move(stop), real_clock().now() + timeout, ""};
}

inline Context patient() { return within(kPatience); }

inline std::unique_ptr<HttpClient> make_client(ClientOptions options) {
  // Once a process, as main does. A pool that is larger than one shows what needs no order.
  static const bool kThreads = init_client_threads(3).has_value();
  REQUIRE(kThreads);
  auto client = create_client(std::move(options), real_clock());
  if (!client) FAIL(client.error());
  return *std::move(client);
}

inline std::unique_ptr<HttpClient> make_client(const std::string& url) {
  ClientOptions options;
  options.base_url = url;
  return make_client(std::move(options));
}

}  // namespace tp::http::test
