#include "http_beast/server.h"

#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>

#include "server_fixture.h"

namespace tp::http::test {
namespace {

std::string post(std::string_view headers, std::string_view body) {
  return "POST /echo HTTP/1.1\r\nHost: x\r\n" + std::string{headers} + "\r\n" + std::string{body};
}

TEST_CASE("a request is answered and the connection kept for the next") {
  Fixture f;
  RawClient c = f.client();
  for (int i = 0; i < 3; ++i) {
    c.send(kGetHello);
    const std::string response = c.read_response();
    CHECK(response.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(response.ends_with("Content-Length: 5\r\n\r\nhello"));
    CHECK(has(response, "\r\nDate: "));
    CHECK_FALSE(has(response, "Connection:"));
  }
  c.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(has(c.read_response(), "Connection: close\r\n"));
  CHECK(c.closed());
}

TEST_CASE("the handler sees method, target, peer, headers and the exact body") {
  Fixture f;
  RawClient c = f.client();
  const std::string body{"\0\xff\r\n\r\nGET ", 10};
  c.send("PUT /echo?q=%20 HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nX-Two: a b \r\nContent-Length: 10\r\n\r\n" +
         body);
  CHECK(c.read_response().ends_with("PUT /echo?q=%20 from 127.0.0.1 X-One=1 X-Two=a b: " + body));
}

TEST_CASE("bytes may come one by one, or several requests at once") {
  Fixture f;
  RawClient c = f.client();
  for (const char byte : post("Content-Length: 3\r\n", "abc")) REQUIRE(c.send({&byte, 1}));
  CHECK(c.read_response().ends_with(": abc"));

  c.send(post("Content-Length: 3\r\n", "one") + std::string{kGetHello} +
         post("Content-Length: 3\r\n", "two"));
  CHECK(c.read_response().ends_with(": one"));
  CHECK(c.read_response().ends_with("hello"));
  CHECK(c.read_response().ends_with(": two"));
}

TEST_CASE("a chunked body is put together, and its trailer fields never become headers") {
  Fixture f;
  RawClient c = f.client();
  c.send(post("Transfer-Encoding: chunked\r\nX-Real: 1\r\n",
              "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-Trailer: forged\r\n\r\n"));
  const std::string response = c.read_response();
  CHECK(response.ends_with("X-Real=1: abcdefg"));
  CHECK_FALSE(has(response, "forged"));
  c.send(kGetHello);
  CHECK(c.read_response().ends_with("hello"));
}

TEST_CASE("HEAD is GET without its body, also when refused") {
  Fixture f;
  RawClient c = f.client();
  c.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.read_response(true).ends_with("Content-Length: 5\r\n\r\n"));
  c.send("HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.read_response(true).starts_with("HTTP/1.1 404 "));
  c.send(kGetHello);  // no stray body is in the way
  CHECK(c.read_response().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("unknown paths and methods are said so, on a connection that stays") {
  Fixture f;
  RawClient c = f.client();
  c.send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.read_response().starts_with("HTTP/1.1 404 Not Found\r\n"));
  c.send("DELETE /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string response = c.read_response();
  CHECK(response.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  CHECK(has(response, "\r\nAllow: POST, PUT\r\n"));
  // With a body that nobody reads it ends.
  c.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(has(c.read_response(), "Connection: close"));
  CHECK(c.closed());
}

TEST_CASE("HTTP/1.0 is closed unless it asks to be kept") {
  Fixture f;
  CHECK(has(f.exchange("GET /hello HTTP/1.0\r\n\r\n"), "Connection: close\r\n\r\nhello"));
  RawClient c = f.client();
  c.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(has(c.read_response(), "Connection: keep-alive\r\n"));
  c.send("GET /hello HTTP/1.0\r\n\r\n");
  CHECK(has(c.read_response(), "hello"));
  CHECK(c.closed());
}

TEST_CASE("100-continue is sent when the body is wanted, and only then") {
  Fixture f;
  RawClient c = f.client();
  c.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n", ""));
  CHECK(c.read_response() == "HTTP/1.1 100 Continue\r\n\r\n");
  c.send("abc");
  CHECK(c.read_response().ends_with(": abc"));
  CHECK(f.exchange(post("Content-Length: 99999999\r\nExpect: 100-continue\r\n", ""))
            .starts_with("HTTP/1.1 413 "));
}

TEST_CASE("a handler that throws, or answers what is not HTTP, costs a 500 and nothing more") {
  Fixture f;
  RawClient c = f.client();
  for (const std::string_view path : {"/throw", "/split"}) {
    c.send("GET " + std::string{path} + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string response = c.read_response();
    CHECK(response.starts_with("HTTP/1.1 500 "));
    CHECK_FALSE(has(response, "trouble"));
    CHECK_FALSE(has(response, "Injected"));
  }
  c.send(kGetHello);
  CHECK(c.read_response().ends_with("hello"));
}

TEST_CASE("what can be read in two ways is refused and the connection closed") {
  Fixture f;
  struct Case {
    std::string request, status;
  };
  const std::string smuggled = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::vector<Case> cases{
      {post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") + smuggled, "400"},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n") + smuggled, "400"},
      {post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc") + smuggled, "400"},
      {post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc") + smuggled, "400"},
      {post("Content-Length: 3, 3\r\n", "abc") + smuggled, "400"},
      {post("Content-Length: -1\r\n", "") + smuggled, "400"},
      {post("Content-Length: 0x3\r\n", "abc") + smuggled, "400"},
      {post("Content-Length: 99999999999999999999\r\n", "abc") + smuggled, "400"},
      {post("Transfer-Encoding: gzip\r\n", "") + smuggled, "501"},
      {post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n") + smuggled, "501"},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n") + smuggled, "400"},
      {post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n") + smuggled, "400"},
      {post("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n") + smuggled, "400"},
      {post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n") + smuggled, "400"},
      {post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n") + smuggled, "400"},
      {post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n") + smuggled, "400"},
      {post("Host: y\r\n", "") + smuggled, "400"},
      {"GET /hello HTTP/1.1\r\n\r\n" + smuggled, "400"},
      {"GET /hello HTTP/1.1\nHost: x\n\n", "400"},  // lines end with CRLF
      {"GET /hello HTTP/1.1\r\nHost: x\n\r\n", "400"},
      {"GET /hello HTTP/1.1\r\nHost : x\r\n\r\n" + smuggled, "400"},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n" + smuggled, "400"},  // folded
      {"GET /hello HTTP/1.1\r\n Host: x\r\n\r\n" + smuggled, "400"},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n" + smuggled, "400"},
      {std::string{"GET /hello HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 40} + smuggled, "400"},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n" + smuggled, "400"},
      {"GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, "400"},
      {"GET http://x/hello HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, "400"},
      {"GET /hello HTTP/2.0\r\nHost: x\r\n\r\n" + smuggled, "505"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
      {"\x16\x03\x01\x02", "400"},  // the start of a TLS handshake
      {"GET /hello HTTP/1.1\r\nHost: x\r\nExpect: gold\r\n\r\n" + smuggled, "417"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.request);
    const std::string answer = f.exchange(c.request);
    CAPTURE(answer);
    CHECK(answer.starts_with("HTTP/1.1 " + c.status + " "));
    CHECK(has(answer, "Connection: close\r\n"));
    CHECK(answer.find("HTTP/1.1 ", 1) == std::string::npos);  // nothing that followed was served
  }
}

TEST_CASE("a peer that goes away at any point does no harm") {
  Fixture f;
  const std::string request = post("Content-Length: 3\r\n", "abc");
  for (std::size_t cut = 0; cut < request.size(); cut += 7) {
    RawClient c = f.client();
    c.send(std::string_view{request}.substr(0, cut));
  }
  RawClient half = f.client();
  half.send(kGetHello);
  half.finish();  // half-closed: the answer is still wanted
  CHECK(half.read_response().ends_with("hello"));
  RawClient c = f.client();
  c.send(kGetHello);
  CHECK(c.read_response().ends_with("hello"));
}

TEST_CASE("handlers run beside each other, and a slow one does not hold up connections") {
  Fixture f{{.handlers = 2}};
  RawClient slow = f.client();
  slow.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  f.gate.await(1);
  RawClient quick = f.client();
  quick.send(kGetHello);
  CHECK(quick.read_response().ends_with("hello"));
  CHECK_FALSE(slow.readable());
  f.gate.open();
  CHECK(slow.read_response().ends_with("waited"));
}

TEST_CASE("an address that cannot be listened on is an error that names it") {
  Fixture f;
  SystemClock clock;
  log::Sink sink{clock, 2, log::Level::Error, log::Format::Text};
  const std::string taken = "127.0.0.1:" + std::to_string(f.server->port());
  const auto second = Server::start(taken, {}, {}, log::Logger{sink, "http"});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::Unavailable);
  CHECK(second.error().message == "listen on " + taken + ": Address already in use");
  const auto nonsense = Server::start("localhost:http", {}, {}, log::Logger{sink, "http"});
  REQUIRE_FALSE(nonsense);
  CHECK(nonsense.error().code == ErrorCode::InvalidArgument);
}

TEST_CASE("no socket of the server survives an exec") {
  Fixture f;
  RawClient c = f.client();
  c.send(kGetHello);
  REQUIRE(c.read_response().ends_with("hello"));
  constexpr int kFdsLookedAt = 4096;
  int sockets = 0;
  for (int fd = 0; fd < kFdsLookedAt; ++fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) continue;
    ++sockets;
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(sockets >= 3);  // the listener and both ends of the connection
}

}  // namespace
}  // namespace tp::http::test
