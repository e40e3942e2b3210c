#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "server_fixture.h"

namespace tp::http::test {
namespace {

Context within(std::chrono::milliseconds time) { return {.deadline = SystemClock{}.now() + time}; }

// Drains on a thread of its own; ok() waits for the end.
class Drain {
 public:
  explicit Drain(Server& server) : thread_([this, &server] { status_ = server.drain(within(30s)); }) {}
  [[nodiscard]] bool ok() {
    thread_.join();
    return status_.has_value();
  }

 private:
  Status status_ = Error{};
  std::jthread thread_;
};

// Returns when the server takes no more connections, which is when a drain has begun.
void await_no_listener(const Server& server) {
  const SystemClock clock;
  const SteadyTime begin = clock.now();
  while (RawClient{server.port()}.connected()) {
    if (clock.now() - begin > 20s) FAIL("still listening");
  }
}

TEST_CASE("a drain lets a request in flight be answered, and closes idle connections after it") {
  Fixture f;
  RawClient idle = f.client();
  idle.send(kGetHello);
  REQUIRE(idle.read_response().ends_with("hello"));
  RawClient busy = f.client();
  busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  f.gate.await(1);

  Drain drain{*f.server};
  await_no_listener(*f.server);
  CHECK_FALSE(idle.readable());  // still open: closed last
  f.gate.open();
  const std::string response = busy.read_response();
  CHECK(response.ends_with("waited"));
  CHECK(has(response, "Connection: close\r\n"));
  CHECK(busy.closed());
  CHECK(idle.closed());
  CHECK(drain.ok());
}

TEST_CASE("a request that comes on an idle connection during a drain is answered, for the last time") {
  Fixture f;
  RawClient idle = f.client();
  idle.send(kGetHello);
  REQUIRE(idle.read_response().ends_with("hello"));
  RawClient busy = f.client();
  busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  f.gate.await(1);

  Drain drain{*f.server};
  await_no_listener(*f.server);
  idle.send(kGetHello);
  const std::string response = idle.read_response();
  CHECK(response.ends_with("hello"));
  CHECK(has(response, "Connection: close\r\n"));
  CHECK(idle.closed());
  f.gate.open();
  CHECK(busy.read_response().ends_with("waited"));
  CHECK(busy.closed());
  CHECK(drain.ok());
}

TEST_CASE("a half-sent request is in flight too") {
  Fixture f;
  RawClient c = f.client();
  c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(has(c.read_response(), " 100 "));
  Drain drain{*f.server};
  await_no_listener(*f.server);
  c.send("abc");
  CHECK(c.read_response().ends_with(": abc"));
  CHECK(c.closed());
  CHECK(drain.ok());
}

TEST_CASE("many idle connections are closed at once, and a drain of nothing is done at once") {
  Fixture f;
  std::vector<RawClient> idle;
  for (int i = 0; i < 200; ++i) {
    idle.push_back(f.client());
    idle.back().send(kGetHello);
    REQUIRE(idle.back().read_response().ends_with("hello"));
  }
  CHECK(f.server->drain(within(30s)));
  for (auto& c : idle) CHECK(c.closed());
  CHECK(f.server->drain(within(30s)));
  CHECK_FALSE(RawClient{f.server->port()}.connected());
}

TEST_CASE("a drain waits for requests on every thread, and closes idle connections of all after the last") {
  Fixture f{{.io_threads = 3}};
  std::vector<RawClient> idle;
  std::vector<RawClient> busy;
  for (int i = 0; i < 9; ++i) {
    idle.push_back(f.client());
    idle.back().send(kGetHello);
    REQUIRE(idle.back().read_response().ends_with("hello"));
  }
  std::vector<Responder> held;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(f.client());
    busy.back().send(request_to("/desk", "a"));
    held.push_back(f.desk.take());
  }
  Drain drain{*f.server};
  await_no_listener(*f.server);
  while (held.size() > 1) {
    held.back()({202, {}, ""});
    held.pop_back();
    const std::string response = busy[held.size()].read_response();
    CHECK(response.starts_with("HTTP/1.1 202 "));
    CHECK(has(response, "Connection: close\r\n"));
    CHECK(busy[held.size()].closed());
  }
  for (const auto& c : idle) CHECK_FALSE(c.readable(50ms));
  held.back()({202, {}, ""});
  CHECK(busy[0].read_response().starts_with("HTTP/1.1 202 "));
  for (auto& c : idle) CHECK(c.closed());
  CHECK(drain.ok());
}

TEST_CASE("a peer that was answered a moment ago is heard once more, with nothing else in flight") {
  Fixture f{{.io_threads = 2}};
  RawClient c = f.client();
  c.send(kGetHello);
  REQUIRE(c.read_response().ends_with("hello"));
  Drain drain{*f.server};
  await_no_listener(*f.server);
  c.send(kGetHello);
  const std::string response = c.read_response();
  CHECK(response.ends_with("hello"));
  CHECK(has(response, "Connection: close\r\n"));
  CHECK(c.closed());
  CHECK(drain.ok());
}

TEST_CASE("clients that stop when they are told to see no failure in a drain") {
  for (int round = 0; round < 5; ++round) {
    Fixture f{{.io_threads = 2}};
    std::atomic<int> started = 0;
    std::atomic<int> failed = 0;
    std::vector<std::jthread> clients;
    for (int n = 0; n < 8; ++n) {
      clients.emplace_back([&] {
        RawClient c{f.server->port()};
        std::string response;
        while (!has(response, "Connection: close\r\n")) {
          c.send(request_to("/echo", "a"));
          response = c.read_response();
          if (!response.ends_with(": a")) {
            ++failed;
            return;
          }
          ++started;
        }
      });
    }
    const SystemClock clock;
    const SteadyTime begin = clock.now();
    while (started < 200 && clock.now() - begin < 20s) std::this_thread::yield();
    CHECK(f.server->drain(within(30s)));
    clients.clear();
    CHECK(failed == 0);
  }
}

TEST_CASE("connections that wait to be accepted when a drain begins are served") {
  for (int round = 0; round < 3; ++round) {
    Fixture f{{.io_threads = 2}};
    std::vector<RawClient> waiting;
    for (int i = 0; i < 20; ++i) {
      waiting.push_back(f.client());
      waiting.back().send(kGetHello);
    }
    CHECK(f.server->drain(within(30s)));
    for (auto& c : waiting) CHECK(c.read_response().ends_with("hello"));
  }
}

TEST_CASE("a drain gives up at its deadline or when told; the destructor cuts the rest") {
  Fixture f;
  RawClient busy = f.client();
  busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  f.gate.await(1);

  const auto late = f.server->drain(within(50ms));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::DeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = f.server->drain({.stop = stop.get_token()});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::Cancelled);

  f.gate.open();
  f.server.reset();
  CHECK(busy.connected());
}

TEST_CASE("destruction with connections in every state and handlers at work") {
  for (int i = 0; i < 20; ++i) {
    auto f = std::make_unique<Fixture>();
    RawClient idle = f->client();
    RawClient header = f->client();
    header.send("GET /he");
    RawClient body = f->client();
    body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
    RawClient busy = f->client();
    busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    f->gate.await(1);
    RawClient pipelined = f->client();
    for (int n = 0; n < 50; ++n) pipelined.send(kGetHello);
    f.reset();
    CHECK(idle.closed());
    CHECK(header.closed());
    CHECK(body.closed());
  }
}

}  // namespace
}  // namespace tp::http::test
