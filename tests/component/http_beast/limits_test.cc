#include <cstdint>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "server_fixture.h"

namespace tp::http::test {
namespace {

std::string post_of(std::size_t size) { return head_of("/echo", size); }

// Asks again and again, on connections of their own, until /hello is served.
void await_room(const Fixture& f) {
  const SystemClock clock;
  const SteadyTime begin = clock.now();
  while (!has(f.exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "hello")) {
    if (clock.now() - begin > 20s) FAIL("no room came free");
  }
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
  const SystemClock clock;
  const SteadyTime begin = clock.now();
  RawClient c = f.client();
  c.send("GET /hello HTTP/1.1\r\n");
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
  const std::vector<int> refusals = f.take_refusals();
  CHECK(refusals.size() >= static_cast<std::size_t>(told));  // an answer may be lost with its connection
  CHECK(std::set(refusals.begin(), refusals.end()) == std::set{503});
  more.clear();

  clients[0].send(kGetHello);
  CHECK(clients[0].read_response().ends_with("hello"));
  clients.pop_back();
  await_room(f);  // the server learns of the close in its own time
}

TEST_CASE("one address may only have so many connections, and others are not touched by it") {
  Fixture f{{.connections_per_peer = 2, .io_threads = 2}};
  constexpr std::uint32_t kOther = 0x7F000002;
  std::vector<RawClient> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(f.client());
    held.back().send(kGetHello);
    REQUIRE(held.back().read_response().ends_with("hello"));
  }
  const std::string refused = f.exchange(kGetHello);
  CHECK(refused.starts_with("HTTP/1.1 503 "));
  CHECK(has(refused, "Retry-After: 1\r\n"));
  RawClient other{f.server->port(), kOther};
  other.send(request_to("/echo", "a"));
  CHECK(other.read_response().ends_with("from 127.0.0.2: a"));
  held.pop_back();
  for (int i = 0; i < 20; ++i) await_room(f);  // no count is lost on the way
}

TEST_CASE("thousands of idle connections, and slow ones, do not hold up others") {
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  constexpr int kConnections = 2000;  // both ends are ours
  if (files.rlim_cur < 2 * kConnections + 200) FAIL("needs a higher limit of open files");

  Fixture f{{.connections = kConnections + 10, .io_threads = 2}};
  std::vector<RawClient> held;
  for (int i = 0; i < kConnections; ++i) {
    held.push_back(f.client());
    if (i % 4 == 1) held.back().send("POST /echo HT");
    if (i % 4 == 2) held.back().send(post_of(1000) + "a");
    if (i % 4 == 3) held.back().send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3");
  }
  RawClient c = f.client();
  for (int i = 0; i < 1000; ++i) {
    c.send(kGetHello);
    REQUIRE(c.read_response().ends_with("hello"));
  }
  for (std::size_t i = 0; i < held.size(); i += 4) {
    held[i].send(kGetHello);
    REQUIRE(held[i].read_response().ends_with("hello"));
  }
  held[1].send("TP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb");
  CHECK(held[1].read_response().ends_with(": b"));
  held[2].send(std::string(999, 'a'));
  CHECK(held[2].read_response().ends_with(std::string(1000, 'a')));
  held[3].send("\r\nabc\r\n0\r\n\r\n");
  CHECK(held[3].read_response().ends_with(": abc"));
}

TEST_CASE("a route may have its own bound for bodies, smaller or larger") {
  const auto size = [](const ServerRequest& request) {
    return Response{200, {}, std::to_string(request.body.size())};
  };
  Fixture f{{.body_bytes = 1000},
            {{.method = Method::Post, .path = "/small", .handler = size, .body_bytes = 10},
             {.method = Method::Post, .path = "/large/{x}", .handler = size, .body_bytes = 100'000}}};
  RawClient c = f.client();
  c.send(request_to("/small", std::string(10, 'a')) + request_to("/large/a", std::string(100'000, 'a')));
  CHECK(c.read_response().ends_with("\r\n10"));
  CHECK(c.read_response().ends_with("\r\n100000"));
  CHECK(f.exchange(head_of("/small", 11)).starts_with("HTTP/1.1 413 "));
  CHECK(f.exchange(head_of("/large/a", 100'001)).starts_with("HTTP/1.1 413 "));
  CHECK(f.exchange("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n")
            .starts_with("HTTP/1.1 413 "));
}

TEST_CASE("the server's own 4xx on a route carry the route's headers, and nothing else does") {
  const auto answer = [](const ServerRequest& request) { return Response{request.body == "no" ? 400 : 200}; };
  Fixture f{{.request_deadline = 300ms, .bytes_in_flight = 100'000},
            {{.method = Method::Post,
              .path = "/hook",
              .handler = answer,
              .body_bytes = 200'000,
              .refusal_headers = {{"X-No-Retry", "1"}}}}};
  const auto with = [](std::string_view headers, std::string_view body = "") {
    return "POST /hook HTTP/1.1\r\nHost: x\r\n" + std::string{headers} + "\r\n" + std::string{body};
  };
  struct Case {
    std::string request;
    int status;
  };
  for (const Case& c : {Case{head_of("/hook", 200'001), 413},
                        {with("Transfer-Encoding: chunked\r\n", "fffff\r\n"), 413},
                        {with("Transfer-Encoding: chunked\r\n", "zz\r\n"), 400},
                        {with("Content-Length: 1\r\nHost: y\r\n"), 400},
                        {with("Expect: gold\r\n"), 417},
                        {with("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc"), 415},
                        {head_of("/hook", 2) + "a", 408}}) {
    CAPTURE(c.request);
    const std::string refused = f.exchange(c.request);
    CHECK(refused.starts_with("HTTP/1.1 " + std::to_string(c.status) + " "));
    CHECK(has(refused, "X-No-Retry: 1\r\n"));
    CHECK(has(refused, "Connection: close\r\n"));
    CHECK(f.take_refusals() == std::vector{c.status});
  }
  const std::string close = "Connection: close\r\n";
  for (const Case& c : {Case{with("Content-Length: 2\r\n" + close, "no"), 400},
                        {with("Content-Length: 2\r\n" + close, "ok"), 200},
                        {head_of("/hook", 200'000), 503},
                        {"GET /hook HTTP/1.1\r\nHost: x\r\n" + close + "\r\n", 405},
                        {head_of("/nowhere", 2), 404}}) {
    CAPTURE(c.request);
    const std::string other = f.exchange(c.request);
    CHECK(other.starts_with("HTTP/1.1 " + std::to_string(c.status) + " "));
    CHECK_FALSE(has(other, "X-No-Retry"));
    // What a handler answers is its own business.
    const bool handled = c.request.ends_with("no") || c.request.ends_with("ok");
    CHECK(f.take_refusals() == (handled ? std::vector<int>{} : std::vector{c.status}));
  }
}

TEST_CASE("a header has at most a hundred fields") {
  Fixture f;
  const auto request = [](int fields) {
    std::string text = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    for (int i = 2; i < fields; ++i) text += "A: b\r\n";
    return text + "\r\n";
  };
  CHECK(has(f.exchange(request(100)), "hello"));
  CHECK(f.exchange(request(101)).starts_with("HTTP/1.1 431 "));
}

// --- the budget of bytes in flight ---

constexpr std::size_t kKiB = 1024;

bool is_overloaded(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 503 ") && has(answer, "Retry-After: 1\r\n") &&
         has(answer, "Connection: close\r\n");
}

// Sends requests of `size` bytes on connections of their own until one fits, or does not.
void await_budget(const Fixture& f, std::size_t size, bool fits = true) {
  const SystemClock clock;
  const SteadyTime begin = clock.now();
  while (true) {
    RawClient c = f.client();
    c.send(request_to("/echo", std::string(size, 'a')));
    const std::string answer = c.read_response();
    if (fits ? answer.starts_with("HTTP/1.1 200 ") : is_overloaded(answer)) return;
    if (clock.now() - begin > 20s) FAIL("the budget stays as it was");
  }
}

TEST_CASE(
    "a body that does not fit beside those in flight is refused before it is read, until there is room") {
  Fixture f{{.io_threads = 2, .bytes_in_flight = 100 * kKiB}};
  RawClient first = f.client();
  first.send(request_to("/desk", std::string(60 * kKiB, 'a')));
  std::optional<Responder> held{f.desk.take()};

  CHECK(is_overloaded(f.exchange(post_of(60 * kKiB))));  // nothing of the body was sent
  CHECK(is_overloaded(f.exchange(post_of(60 * kKiB) + std::string(60 * kKiB, 'a'))));
  await_budget(f, 30 * kKiB);  // fits

  (*held)(Response{202, {}, ""});
  CHECK(first.read_response().starts_with("HTTP/1.1 202 "));
  await_budget(f, 60 * kKiB);
  for (int i = 0; i < 50; ++i) await_budget(f, 60 * kKiB);  // none is lost on the way
}

TEST_CASE("chunks are charged as they come") {
  Fixture f{{.bytes_in_flight = 50 * kKiB}};
  const std::string chunk = "1000\r\n" + std::string(4 * kKiB, 'a') + "\r\n";
  const auto chunks = [&](int n) {
    std::string text = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < n; ++i) text += chunk;
    return text;
  };
  RawClient fits = f.client();
  fits.send(chunks(12) + "0\r\n\r\n");
  CHECK(fits.read_response().starts_with("HTTP/1.1 200 "));
  CHECK(is_overloaded(f.exchange(chunks(13))));
  fits.send(chunks(12) + "0\r\n\r\n");
  CHECK(fits.read_response().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("an announcement holds nothing, half a body what has come, and a closed connection gives it back") {
  Fixture f{{.bytes_in_flight = 100 * kKiB}};
  std::vector<RawClient> announced;
  for (int i = 0; i < 20; ++i) {
    announced.push_back(f.client());
    announced.back().send(head_of("/echo", 60 * kKiB));
  }
  await_budget(f, 60 * kKiB);

  announced[0].send(std::string(59 * kKiB, 'a'));
  await_budget(f, 60 * kKiB, false);  // once those bytes have come
  // Another that was let in by its announcement is refused when its bytes come.
  announced[1].send(std::string(60 * kKiB, 'a'));
  CHECK(is_overloaded(announced[1].read_all()));
  announced.clear();
  await_budget(f, 60 * kKiB);
}

TEST_CASE("a slow body gives its share back at the deadline") {
  Fixture f{{.request_deadline = 300ms, .bytes_in_flight = 100 * kKiB}};
  RawClient c = f.client();
  c.send(head_of("/echo", 60 * kKiB) + std::string(59 * kKiB, 'a'));
  CHECK(c.read_response().starts_with("HTTP/1.1 408 "));
  await_budget(f, 60 * kKiB);
}

TEST_CASE("large bodies leave a quarter of the budget to small ones") {
  Fixture f{{.body_bytes = 4096 * kKiB, .bytes_in_flight = 1000 * kKiB}};
  CHECK(is_overloaded(f.exchange(post_of(4096 * kKiB))));  // more than there is
  CHECK(is_overloaded(f.exchange(post_of(751 * kKiB))));
  RawClient large = f.client();
  large.send(request_to("/desk", std::string(750 * kKiB, 'a')));
  const Responder held = f.desk.take();
  CHECK(is_overloaded(f.exchange(post_of(65 * kKiB))));
  await_budget(f, 64 * kKiB);
}

TEST_CASE("memory follows the bytes that come, not those that are announced") {
  const auto pages = [] {
    std::size_t n = 0;
    std::ifstream{"/proc/self/statm"} >> n;
    return n;
  };
  constexpr std::size_t kBody = std::size_t{64} << 20U;
  constexpr std::size_t kPeers = 64;
  Fixture f{{.body_bytes = kBody}};
  const std::size_t before = pages();
  std::vector<RawClient> announced;
  for (std::size_t i = 0; i < kPeers; ++i) {
    announced.push_back(f.client());
    announced.back().send(head_of("/echo", kBody) + std::string(100 * kKiB, 'a'));
  }
  for (int i = 0; i < 10; ++i) await_room(f);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  CHECK(pages() * page < before * page + kBody * kPeers / 8);
}

}  // namespace
}  // namespace tp::http::test
