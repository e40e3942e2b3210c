#include "http_beast/wire.h"

#include <chrono>
#include <string>
#include <variant>

#include "support/catch.h"

namespace tp::http {
namespace {

const WallTime kTime{std::chrono::seconds{1795364084}};  // 2026-11-22T16:14:44Z

Response handler(const ServerRequest& /*request*/) { return {}; }

const Routes& routes() {
  static const Routes kRoutes{
      {Method::Get, "/a", handler}, {Method::Post, "/a", handler}, {Method::Put, "/b", handler}};
  return kRoutes;
}

// The status of the refusal, or 200.
int verdict(std::string_view method, std::string_view target, const Headers& headers, bool http_1_1 = true) {
  const auto v = judge({method, target, headers, http_1_1}, routes());
  const auto* const refusal = std::get_if<Refusal>(&v);
  return refusal == nullptr ? 200 : refusal->status;
}

TEST_CASE("a date is the one form that HTTP wants") {
  CHECK(to_http_date(kTime) == "Sun, 22 Nov 2026 16:14:44 GMT");
  CHECK(to_http_date(WallTime{}) == "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST_CASE("routes match path and method, the query aside") {
  const Headers host{{"Host", "x"}};
  CHECK(verdict("GET", "/a", host) == 200);
  CHECK(verdict("GET", "/a?b=/c", host) == 200);
  CHECK(verdict("HEAD", "/a", host) == 200);
  CHECK(verdict("POST", "/a", host) == 200);
  CHECK(verdict("GET", "/a/", host) == 404);
  CHECK(verdict("GET", "/A", host) == 404);
  CHECK(verdict("GET", "/", host) == 404);
  CHECK(verdict("DELETE", "/a", host) == 405);
  CHECK(verdict("HEAD", "/b", host) == 405);
  CHECK(verdict("BREW", "/b", host) == 405);
  CHECK(verdict("get", "/a", host) == 405);  // methods have a case
  const auto v = judge({"DELETE", "/a", host, true}, routes());
  CHECK(std::get<Refusal>(v).allow == "GET, HEAD, POST");
}

TEST_CASE("only one way to frame a request is accepted") {
  CHECK(verdict("GET", "/a", {}) == 400);
  CHECK(verdict("GET", "/a", {}, false) == 200);  // HTTP/1.0 knows no Host
  CHECK(verdict("GET", "/a", {{"Host", "x"}, {"host", "x"}}) == 400);
  CHECK(verdict("GET", "/a", {{"Host", "x"}, {"Host", "y"}}, false) == 400);
  const auto framed = [](Headers headers, bool http_1_1 = true) {
    headers.add("Host", "x");
    return verdict("POST", "/a", headers, http_1_1);
  };
  CHECK(framed({{"Content-Length", "5"}}) == 200);
  CHECK(framed({{"Content-Length", "5"}, {"content-length", "5"}}) == 400);
  CHECK(framed({{"Content-Length", "5, 5"}}) == 400);
  CHECK(framed({{"Content-Length", "+5"}}) == 400);
  CHECK(framed({{"Content-Length", ""}}) == 400);
  CHECK(framed({{"Transfer-Encoding", "Chunked"}}) == 200);
  CHECK(framed({{"Transfer-Encoding", "chunked"}}, false) == 400);
  CHECK(framed({{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}) == 400);
  CHECK(framed({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}) == 400);
  CHECK(framed({{"Transfer-Encoding", "gzip, chunked"}}) == 501);
  CHECK(framed({{"Transfer-Encoding", "identity"}}) == 501);
  CHECK(framed({{"Transfer-Encoding", "xchunked"}}) == 501);
}

TEST_CASE("targets are paths, and only 100-continue can be expected") {
  const Headers host{{"Host", "x"}};
  CHECK(verdict("GET", "http://x/a", host) == 400);
  CHECK(verdict("OPTIONS", "*", host) == 400);
  CHECK(verdict("CONNECT", "x:443", host) == 400);
  CHECK(verdict("POST", "/a", {{"Host", "x"}, {"Expect", "100-Continue"}}) == 200);
  CHECK(verdict("POST", "/a", {{"Host", "x"}, {"Expect", "gold"}}) == 417);
}

TEST_CASE("an answer's framing is the server's own") {
  const Response response{
      200, {{"Content-Type", "text/plain"}, {"content-length", "99"}, {"Connection", "upgrade"}}, "body"};
  const std::string start =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 22 Nov 2026 16:14:44 GMT\r\n";
  CHECK(to_wire(response, {}, kTime) == start + "Content-Length: 4\r\n\r\nbody");
  CHECK(to_wire(response, {.head = true}, kTime) == start + "Content-Length: 4\r\n\r\n");
  CHECK(to_wire(response, {.close = true}, kTime) ==
        start + "Content-Length: 4\r\nConnection: close\r\n\r\nbody");
  CHECK(to_wire(response, {.http_1_1 = false}, kTime) ==
        start + "Content-Length: 4\r\nConnection: keep-alive\r\n\r\nbody");
  CHECK(to_wire({204, {}, "x"}, {}, kTime) ==
        "HTTP/1.1 204 No Content\r\nDate: Sun, 22 Nov 2026 16:14:44 GMT\r\n\r\n");
}

TEST_CASE("header fields that could split an answer are seen") {
  CHECK(well_formed({{"X-A", "b c\t\xc3\xa9"}, {"Y", ""}}));
  for (const auto& bad :
       {Headers{{"X", "a\r\nY: b"}}, Headers{{"X", "a\n"}}, Headers{{"X", {"a\0", 2}}}, Headers{{"", "a"}},
        Headers{{"X Y", "a"}}, Headers{{"X:", "a"}}, Headers{{"X\r\n", "a"}}}) {
    CHECK_FALSE(well_formed(bad));
  }
}

}  // namespace
}  // namespace tp::http
