#include <string>
#include <vector>

#include "server_fixture.h"

namespace tp::http::test {
namespace {

std::string post_of(std::size_t size) {
  return "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

TEST_CASE("the header is bounded as a whole") {
  Fixture f{{.header_bytes = 1024}};
  const auto padded = [](std::size_t size) {
    return "GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(size, 'a');
  };
  CHECK(has(f.exchange(padded(900) + "\r\nConnection: close\r\n\r\n"), "hello"));
  CHECK(f.exchange(padded(1100) + "\r\n\r\n").starts_with("HTTP/1.1 431 "));
  CHECK(f.exchange(padded(5'000'000)).starts_with("HTTP/1.1 431 "));  // no end in sight
  CHECK(f.exchange("GET /" + std::string(100'000, 'a')).starts_with("HTTP/1.1 431 "));
  CHECK(f.exchange("GET /hello?" + std::string(700, 'a') +
                   " HTTP/1.1\r\nHost: x\r\nX: " + std::string(700, 'b') + "\r\n\r\n")
            .starts_with("HTTP/1.1 431 "));
  std::string many = "GET /hello HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 1000; ++i) many += "A: b\r\n";
  CHECK(f.exchange(many + "\r\n").starts_with("HTTP/1.1 431 "));
}

TEST_CASE("the body is bounded, whether its length is announced or not") {
  Fixture f{{.body_bytes = 1000}};
  RawClient c = f.client();
  c.send(post_of(1000) + std::string(1000, 'a'));
  CHECK(c.read_response().ends_with(std::string(1000, 'a')));

  // Refused by its announcement: nothing of the body was sent.
  CHECK(f.exchange(post_of(1001)).starts_with("HTTP/1.1 413 "));
  // The answer reaches a peer that is busy sending.
  CHECK(f.exchange(post_of(8'000'000) + std::string(8'000'000, 'a')).starts_with("HTTP/1.1 413 "));

  const std::string chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "1f4\r\n" + std::string(500, 'a') + "\r\n";
  c.send(chunked + chunk + chunk + "0\r\n\r\n");
  CHECK(c.read_response().ends_with(std::string(1000, 'a')));
  CHECK(f.exchange(chunked + chunk + chunk + "1\r\na\r\n0\r\n\r\n").starts_with("HTTP/1.1 413 "));
  CHECK(f.exchange(chunked + "ffffffffffffffff\r\n").starts_with("HTTP/1.1 413 "));
  // A chunk header that never ends is bounded too.
  CHECK(f.exchange(chunked + "1;" + std::string(1'000'000, 'x')).starts_with("HTTP/1.1 4"));
}

TEST_CASE("slowloris: a header that trickles in ends at the deadline, however lively it is") {
  Fixture f{{.header_deadline = 300ms, .idle_timeout = 10s}};
  RawClient c = f.client();
  c.send("GET /hello HTTP/1.1\r\n");
  const SystemClock clock;
  const SteadyTime begin = clock.now();
  while (!c.readable(5ms) && c.send("A: b\r\n")) {
    if (clock.now() - begin > 20s) FAIL("the server listens for ever");
  }
  CHECK(c.read_response().starts_with("HTTP/1.1 408 "));
  CHECK(clock.now() - begin >= 250ms);
}

TEST_CASE("on a kept connection the header's deadline begins with its first byte") {
  Fixture f{{.header_deadline = 300ms, .idle_timeout = 10s}};
  RawClient c = f.client();
  c.send(kGetHello);
  REQUIRE(c.read_response().ends_with("hello"));
  c.send("GET");
  CHECK(c.read_response().starts_with("HTTP/1.1 408 "));
  CHECK(c.closed());
}

TEST_CASE("a body that dribbles ends at the request's deadline") {
  Fixture f{{.request_deadline = 300ms}};
  RawClient c = f.client();
  c.send(post_of(1000));
  const SystemClock clock;
  const SteadyTime begin = clock.now();
  while (!c.readable(5ms) && c.send("a")) {
    if (clock.now() - begin > 20s) FAIL("the server listens for ever");
  }
  CHECK(c.read_response().starts_with("HTTP/1.1 408 "));
  CHECK(c.closed());
}

TEST_CASE("a connection that says nothing is closed without a word: new, or kept") {
  Fixture f{{.header_deadline = 300ms, .idle_timeout = 300ms}};
  RawClient fresh = f.client();
  CHECK(fresh.read_all().empty());
  RawClient kept = f.client();
  kept.send(kGetHello);
  REQUIRE(kept.read_response().ends_with("hello"));
  CHECK(kept.read_all().empty());
}

TEST_CASE("a handler that outlives the request's deadline loses its connection, not the server") {
  Fixture f{{.request_deadline = 300ms}};
  RawClient c = f.client();
  c.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.read_all().empty());
  f.gate.open();
  RawClient next = f.client();
  next.send(kGetHello);
  CHECK(next.read_response().ends_with("hello"));
}

TEST_CASE("a peer that does not read its answer is cut at the request's deadline") {
  Fixture f{{.body_bytes = 64U << 20U, .request_deadline = 2s}};
  RawClient c = f.client();
  const std::string body(32U << 20U, 'a');  // more than the sockets' buffers hold
  REQUIRE(c.send(post_of(body.size()) + body));
  const auto full =
      f.server->drain({.deadline = SystemClock{}.now() + 30s});  // returns once no connection is left
  CHECK(full);
  CHECK(c.read_all().size() < body.size());
}

TEST_CASE("connections above the limit are told 503, and served again when there is room") {
  Fixture f{{.connections = 2}};
  std::vector<RawClient> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(f.client());
    clients.back().send(kGetHello);
    REQUIRE(clients.back().read_response().ends_with("hello"));
  }
  // More than may be told at once: the rest is closed without a word, and none is served.
  std::vector<RawClient> more;
  for (int i = 0; i < 80; ++i) {
    more.emplace_back(f.server->port());
    more.back().send(kGetHello);
  }
  int told = 0;
  for (auto& c : more) {
    const std::string answer = c.read_all();
    CHECK((answer.empty() || answer.starts_with("HTTP/1.1 503 ")));
    if (!answer.empty()) ++told;
  }
  CHECK(told >= 1);
  more.clear();

  clients[0].send(kGetHello);
  CHECK(clients[0].read_response().ends_with("hello"));
  clients.pop_back();
  const SystemClock clock;
  const SteadyTime begin = clock.now();
  std::string answer;
  while (!has(answer, "hello")) {  // the server learns of the close in its own time
    if (clock.now() - begin > 20s) FAIL("no room came free");
    answer = f.exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }
}

}  // namespace
}  // namespace tp::http::test
