#include "http_beast/wire.h"

#include <chrono>
#include <string>
#include <string_view>

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
  const Verdict v = judge({method, target, headers, http_1_1}, routes());
  if (!v.refusal) REQUIRE(v.route != nullptr);
  return v.refusal ? v.refusal->status : 200;
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
  const Verdict v = judge({"DELETE", "/a", host, true}, routes());
  CHECK(v.refusal->headers.find("Allow") == "GET, HEAD, POST");
}

TEST_CASE("a parameter matches one segment that is not empty, and an exact path wins over it") {
  const Routes routes{{Method::Get, "/hooks/{a}", handler},
                      {Method::Get, "/hooks/own", handler},
                      {Method::Get, "/hooks/{a}/log", handler},
                      {Method::Get, "/{a}/{b}/last", handler},
                      {Method::Post, "/hooks/{a}", handler}};
  const Headers host{{"Host", "x"}};
  const auto route_of = [&](std::string_view method, std::string_view target) -> std::string {
    const Verdict v = judge({method, target, host, true}, routes);
    return v.refusal ? std::to_string(v.refusal->status) : v.route->path;
  };
  CHECK(route_of("GET", "/hooks/one") == "/hooks/{a}");
  CHECK(route_of("GET", "/hooks/one?a=/b/c") == "/hooks/{a}");
  CHECK(route_of("POST", "/hooks/one") == "/hooks/{a}");
  CHECK(route_of("GET", "/hooks/own") == "/hooks/own");
  CHECK(route_of("POST", "/hooks/own") == "405");  // its method is not what makes a path exact
  CHECK(route_of("GET", "/hooks/one/log") == "/hooks/{a}/log");
  CHECK(route_of("GET", "/x/y/last") == "/{a}/{b}/last");
  CHECK(route_of("GET", "/hooks/%2f%2F..%00") == "/hooks/{a}");  // as it came: never decoded
  CHECK(route_of("GET", "/hooks/a%2flog") == "/hooks/{a}");
  for (const auto* const nowhere : {"/hooks", "/hooks/", "/hooks//", "//one", "/hooks/one/", "/hooks//log",
                                    "/hooks/one/log/", "/hooks/one/two", "//", "/", "/Hooks/one"}) {
    CAPTURE(nowhere);
    CHECK(route_of("GET", nowhere) == "404");
  }
  CHECK(judge({"PUT", "/hooks/one", host, true}, routes).refusal->headers.find("Allow") == "GET, HEAD, POST");
}

TEST_CASE("a refusal knows the route it is for, whatever comes first") {
  const Headers framed_twice{{"Host", "x"}, {"Content-Length", "1"}, {"Content-Length", "1"}};
  const Verdict v = judge({"POST", "/a", framed_twice, true}, routes());
  CHECK(v.refusal->status == 400);
  CHECK(v.route == &routes()[1]);
  CHECK(judge({"POST", "/nowhere", framed_twice, true}, routes()).refusal->status == 400);
}

TEST_CASE("a body may only be encoded as it is") {
  const auto coded = [](Headers headers) {
    headers.add("Host", "x");
    return verdict("POST", "/a", headers);
  };
  CHECK(coded({{"Content-Encoding", "identity"}}) == 200);
  CHECK(coded({{"content-encoding", "Identity"}}) == 200);
  for (const auto* const coding : {"gzip", "x-gzip", "deflate", "br", "zstd", "identity, gzip", ""}) {
    CAPTURE(coding);
    CHECK(coded({{"Content-Encoding", coding}}) == 415);
  }
  CHECK(coded({{"Content-Encoding", "identity"}, {"Content-Encoding", "gzip"}}) == 415);
}

TEST_CASE("the end of a header is found, or why there is none to wait for") {
  const auto scan = [](std::string_view bytes) {
    const HeaderScan s = scan_header(bytes, 100);
    return s.refusal ? -s.refusal->status : static_cast<int>(s.end);
  };
  CHECK(scan("") == 0);
  CHECK(scan("GET / HTTP/1.1\r\nA: b\r\n\r") == 0);
  CHECK(scan("GET / HTTP/1.1\r\nA: b\r\n\r\nbody") == 24);
  CHECK(scan("GET / HTTP/1.1\n") == -400);
  CHECK(scan("GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n") == -400);
  CHECK(scan("GET / HTTP/1.1\r\n\n") == -400);
  CHECK(scan("\n") == -400);
  CHECK(scan("\r\n") == -400);
  CHECK(scan("\x16\x03\x01") == -400);
  CHECK(scan("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n") == -400);
  CHECK(scan("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n") == -400);
  CHECK(scan("GET / HTTP/1.1\r\n A: b\r\n\r\n") == -400);
  CHECK(scan(std::string(100, 'a')) == 0);
  CHECK(scan(std::string(101, 'a')) == -431);
  CHECK(scan(std::string(96, 'a') + "\r\n\r\n") == 100);
  CHECK(scan(std::string(97, 'a') + "\r\n\r\n") == -431);

  const auto with_fields = [](int n) {
    std::string bytes = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < n; ++i) bytes += "A:\r\n";
    return bytes;
  };
  const auto status = [](const HeaderScan& s) { return s.refusal ? s.refusal->status : 0; };
  CHECK(scan_header(with_fields(100) + "\r\n", 16384).end == 16 + 400 + 2);
  CHECK(status(scan_header(with_fields(101), 16384)) == 431);
  CHECK(status(scan_header(with_fields(101) + "\r\n", 16384)) == 431);
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
