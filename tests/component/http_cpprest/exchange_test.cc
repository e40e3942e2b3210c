// Requests and answers as they travel: exact bytes, failures and their codes, nothing sent twice.

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "fixture.h"

namespace tp::http::test {
namespace {

auto count_of(const std::vector<std::string>& requests, std::string_view start) {
  return std::count_if(requests.begin(), requests.end(), [&](const auto& r) { return r.starts_with(start); });
}

TEST_CASE("send: request and answer arrive as they were written") {
  const std::string body{"\0\xff\r\n{}", 6};
  RawServer server{always(http_answer(201, body, "X-One: 1\r\nContent-Type: image/odd; charset=none\r\n"))};
  const auto client = make_client(server.url() + "/prefix/");

  const auto answer = client->send(patient(), Request{Method::Patch,
                                                      "/a%2Fb/c?x=1%262&y=&force=true",
                                                      {{"Content-Type", "application/apply-patch+yaml"}},
                                                      body});

  if (!answer) FAIL(answer.error());
  CHECK(answer->status == 201);
  CHECK(answer->body == body);
  CHECK(answer->headers.find("x-one") == "1");
  REQUIRE(server.requests().size() == 1);
  const std::string seen = server.requests().front();
  CHECK(seen.starts_with("PATCH /prefix/a%2Fb/c?x=1%262&y=&force=true HTTP/1.1\r\n"));
  CHECK(header_of(seen, "Host") == "127.0.0.1:" + std::to_string(server.port()));
  CHECK(header_of(seen, "Content-Type") == "application/apply-patch+yaml");
  CHECK(header_of(seen, "User-Agent") == "team-provisioning");
  CHECK_FALSE(header_of(seen, "Accept-Encoding"));
  CHECK(seen.ends_with("\r\n\r\n" + body));
}

TEST_CASE("send: every method, with and without a body, and answers without one") {
  RawServer server{[](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      const bool head = request->starts_with("HEAD");
      if (!peer.write(head ? "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
                           : "HTTP/1.1 204 No\r\n\r\n"))
        return;
    }
  }};
  const auto client = make_client(server.url());
  for (const Method method :
       {Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete}) {
    for (const std::string body : {"", "{}"}) {
      if (!body.empty() && (method == Method::Get || method == Method::Head)) continue;
      const auto answer = client->send(patient(), Request{method, "/", {}, body});
      if (!answer) FAIL(to_string(method) << ": " << answer.error());
      CHECK(answer->status == (method == Method::Head ? 200 : 204));
      CHECK(answer->body.empty());
      CHECK(server.requests().back().starts_with(std::string{to_string(method)} + " / HTTP/1.1\r\n"));
      CHECK_FALSE(header_of(server.requests().back(), "Content-Type"));
    }
  }
}

TEST_CASE("send: a large body goes out whole; chunked and unframed answers come in whole") {
  const std::string upload(std::size_t{5} << 20U, 'u');
  RawServer server{[](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      if (request->starts_with("POST")) {
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk("ab") +
                   http_chunk(std::string(200'000, 'c')) + http_chunk(""));
      } else {
        peer.write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
        return;
      }
    }
  }};
  const auto client = make_client(server.url());

  const auto chunked = client->send(patient(), Request{Method::Post, "/", {}, upload});
  if (!chunked) FAIL(chunked.error());
  CHECK(chunked->body == "ab" + std::string(200'000, 'c'));
  CHECK(server.requests().front().ends_with("\r\n\r\n" + upload));

  const auto unframed = client->send(patient(), Request{});
  if (!unframed) FAIL(unframed.error());
  CHECK(unframed->body == "until the end");
}

TEST_CASE("send: redirects are answers, not instructions") {
  RawServer elsewhere{always(http_answer(200, "stolen"))};
  RawServer server{always(http_answer(302, "", "Location: " + elsewhere.url() + "/\r\n"))};
  const auto answer = make_client(server.url())->send(patient(), Request{});
  if (!answer) FAIL(answer.error());
  CHECK(answer->status == 302);
  CHECK(elsewhere.connections() == 0);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("send: an interim answer is refused, and its connection not used again") {
  RawServer server{[](RawServer::Peer& peer) {
    while (peer.read_request()) {
      const std::string interim = peer.index() == 0 ? "HTTP/1.1 103 Early Hints\r\n\r\n" : "";
      if (!peer.write(interim + http_answer(200, "ok"))) return;
    }
  }};
  const auto client = make_client(server.url());
  const auto first = client->send(patient(), Request{});
  REQUIRE_FALSE(first);
  CHECK(first.error().code == ErrorCode::DataLoss);
  const auto second = client->send(patient(), Request{});
  if (!second) FAIL(second.error());
  CHECK(second->body == "ok");
  CHECK(server.connections() == 2);
}

TEST_CASE("send: what could end a line early or redirect the request is refused before anything is sent") {
  RawServer server{always(http_answer(200, ""))};
  const auto client = make_client(server.url());
  const std::vector<Request> bad{
      {Method::Get, "no-slash", {}, ""},
      {Method::Get, "//evil.example/", {}, ""},
      {Method::Get, "/a b", {}, ""},
      {Method::Get, "/a\r\nX: y", {}, ""},
      {Method::Get, "/a#b", {}, ""},
      {Method::Get, "/", {{"X", "a\r\nY: b"}}, ""},
      {Method::Get, "/", {{"X: y\r\nZ", "a"}}, ""},
      {Method::Get, "/", {{"", "a"}}, ""},
      {Method::Get, "/", {{"host", "evil"}}, ""},
      {Method::Get, "/", {{"Content-Length", "5"}}, ""},
      {Method::Get, "/", {{"transfer-encoding", "chunked"}}, ""},
  };
  for (const Request& request : bad) {
    const auto answer = client->send(patient(), request);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::InvalidArgument);
  }
  CHECK(server.connections() == 0);
}

TEST_CASE("errors name method, host and path, and nothing that may be secret") {
  RawServer server{[](RawServer::Peer& peer) { peer.read_request(); }};
  const auto client = make_client(server.url());
  const auto answer =
      client->send(patient(), Request{Method::Post, "/path?token=s3cret", {{"X-Key", "s3cret"}}, "s3cret"});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message.starts_with("POST 127.0.0.1:" + std::to_string(server.port()) + "/path: "));
  CHECK(answer.error().message.find("s3cret") == std::string::npos);
}

TEST_CASE("failures: not connected, or lost after the request was sent") {
  SECTION("nobody listens") {
    std::uint16_t port = 0;
    {
      const RawServer gone{[](RawServer::Peer&) {}};
      port = gone.port();
    }
    const auto answer = make_client("http://127.0.0.1:" + std::to_string(port))->send(patient(), Request{});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::Unavailable);
    CHECK(answer.error().message.find("not connected") != std::string::npos);
  }
  SECTION("no such name") {
    const auto answer = make_client("http://no-such-host.invalid")->send(patient(), Request{});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::Unavailable);
    CHECK(answer.error().message.find("not connected: name lookup of no-such-host.invalid") !=
          std::string::npos);
  }
  SECTION("the peer reads and leaves") {
    const bool hard = GENERATE(false, true);
    RawServer server{[hard](RawServer::Peer& peer) {
      peer.read_request();
      if (hard) peer.reset();
    }};
    const auto answer = make_client(server.url())->send(patient(), Request{});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::Unavailable);
    CHECK(answer.error().message.find("connection lost") != std::string::npos);
    CHECK(server.requests().size() == 1);
  }
  SECTION("the answer is cut, or no HTTP at all") {
    const std::string answer_bytes = GENERATE(
        as<std::string>{}, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "HTTP/1.1 200 OK\r\nConte",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    RawServer server{[answer_bytes](RawServer::Peer& peer) {
      if (peer.read_request()) peer.write(answer_bytes);
    }};
    const auto answer = make_client(server.url())->send(patient(), Request{});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::Unavailable);
  }
}

TEST_CASE("names are looked up, and the Host header keeps them") {
  RawServer server{always(http_answer(200, "ok"))};
  const std::string authority = "localhost:" + std::to_string(server.port());
  const auto answer = make_client("http://" + authority)->send(patient(), Request{});
  if (!answer) FAIL(answer.error());
  CHECK(header_of(server.requests().front(), "Host") == authority);
}

TEST_CASE("connect-to: TCP goes elsewhere, the Host header stays") {
  RawServer server{always(http_answer(200, "ok"))};
  ClientOptions options = options_for("http://config.platform.svc.cluster.local:8080/base");
  const auto rule = parse_connect_to(".svc.cluster.local:8080=localhost:" + std::to_string(server.port()));
  REQUIRE(rule);
  options.connect_to = {*rule};
  const auto answer = make_client(std::move(options))->send(patient(), Request{});
  if (!answer) FAIL(answer.error());
  CHECK(header_of(server.requests().front(), "Host") == "config.platform.svc.cluster.local:8080");
  CHECK(server.requests().front().starts_with("GET /base/ "));
}

TEST_CASE("keep-alive: a connection serves one request after the other") {
  RawServer server{always(http_answer(200, "ok"))};
  const auto client = make_client(server.url());
  constexpr std::size_t kRequests = 50;
  for (std::size_t i = 0; i < kRequests; ++i) REQUIRE(client->send(patient(), Request{}));
  // One is the usual number. Another is opened when cpprestsdk has not put the first back yet.
  CHECK(server.connections() < kRequests / 2);
}

TEST_CASE("keep-alive: an idle connection that the peer closed is replaced without an error") {
  RawServer server{[](RawServer::Peer& peer) {
    while (peer.read_request()) {
      peer.write(http_answer(200, "ok"));
      if (peer.index() == 0) return;
    }
  }};
  const auto client = make_client(server.url());
  REQUIRE(client->send(patient(), Request{}));
  REQUIRE(eventually([&] { return server.open_connections() == 0; }));
  const auto answer = client->send(patient(), Request{Method::Post, "/", {}, "{}"});
  if (!answer) FAIL(answer.error());
  CHECK(server.requests().size() == 2);
}

TEST_CASE("nothing is sent twice when a reused connection dies after the request was read") {
  const Method method = GENERATE(Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete);
  const std::string start = std::string{to_string(method)} + " /second ";
  RawServer server{[](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      if (request->find(" /second ") != std::string::npos) return;
      peer.write(http_answer(200, "ok"));
    }
  }};
  const auto client = make_client(server.url());
  // Until the connection is really reused: cpprestsdk puts it back a moment after the answer.
  for (int i = 0; i < 20; ++i) REQUIRE(client->send(patient(), Request{}));
  const auto answer =
      client->send(patient(), Request{method, "/second", {}, method == Method::Get ? "" : "{}"});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::Unavailable);
  CHECK(answer.error().message.find("connection lost") != std::string::npos);
  // The server is still there for whoever asks again.
  REQUIRE(client->send(patient(), Request{}));
  CHECK(count_of(server.requests(), start) == 1);
}

TEST_CASE("fresh_connection: each request has a connection of its own, closed after the answer") {
  std::atomic<std::size_t> closed = 0;
  RawServer server{[&closed](RawServer::Peer& peer) {
    while (peer.read_request()) peer.write(http_answer(200, "ok"));
    ++closed;
  }};
  ClientOptions options = options_for(server.url());
  options.fresh_connection = true;
  const auto client = make_client(std::move(options));
  for (int i = 0; i < 3; ++i) REQUIRE(client->send(patient(), Request{Method::Post, "/", {}, "{}"}));
  CHECK(server.connections() == 3);
  CHECK(server.requests().size() == 3);
  CHECK(eventually([&] { return closed == 3; }));
}

TEST_CASE("fresh_connection: a peer that dies after reading the request has seen it once") {
  RawServer server{[](RawServer::Peer& peer) { peer.read_request(); }};
  ClientOptions options = options_for(server.url());
  options.fresh_connection = true;
  const auto answer =
      make_client(std::move(options))->send(patient(), Request{Method::Post, "/run", {}, "{}"});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::Unavailable);
  CHECK(server.requests().size() == 1);
  CHECK(server.connections() == 1);
}

TEST_CASE("stream: bytes reach the sink as they arrive") {
  Signal first_seen;
  Signal second_seen;
  RawServer server{[&](RawServer::Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk("one\n"));
    if (!first_seen.wait()) return;
    peer.write(http_chunk("two\n"));
    if (!second_seen.wait()) return;
    peer.write(http_chunk(""));
  }};
  std::vector<std::string> seen;
  int status = 0;
  FunctionSink sink{[&](std::string_view bytes) {
                      REQUIRE(status == 200);
                      seen.emplace_back(bytes);
                      (seen.size() == 1 ? first_seen : second_seen).set();
                      return ok();
                    },
                    [&](int s) {
                      status = s;
                      return ok();
                    }};
  const Status ended = make_client(server.url())->stream(patient(), Request{}, sink);
  if (!ended) FAIL(ended.error());
  CHECK(seen == std::vector<std::string>{"one\n", "two\n"});
}

TEST_CASE("stream: an error of the sink ends the exchange and is its result") {
  const bool at_head = GENERATE(true, false);
  Signal cut;
  RawServer server{[&cut](RawServer::Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk("x"));
    peer.wait_closed();
    cut.set();
  }};
  const Error reason{ErrorCode::Expired, "too old"};
  FunctionSink sink{[&](std::string_view) -> Status { return reason; },
                    [&](int) -> Status { return at_head ? Status{reason} : ok(); }};
  const Status ended = make_client(server.url())->stream(patient(), Request{}, sink);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::Expired);
  CHECK(ended.error().message.ends_with(": too old"));
  CHECK(cut.wait());
}

TEST_CASE("stream: an abrupt end is an error, a clean one is not; what came before is delivered") {
  const bool clean = GENERATE(true, false);
  RawServer server{[clean](RawServer::Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk("all"));
    if (clean) peer.write(http_chunk(""));
  }};
  std::string seen;
  FunctionSink sink{[&](std::string_view bytes) {
    seen += bytes;
    return ok();
  }};
  const Status ended = make_client(server.url())->stream(patient(), Request{}, sink);
  CHECK(seen == "all");
  CHECK(ended.has_value() == clean);
  if (!clean) CHECK(ended.error().code == ErrorCode::Unavailable);
}

// --- the token ---

class CountingSource final : public TokenSource {
 public:
  Result<crypto::Secret> token(const Context& /*ctx*/) override {
    if (broken) return Error{ErrorCode::NotFound, "no token file"};
    return crypto::Secret{"tok-" + std::to_string(++handed_out)};
  }
  void rejected() noexcept override { ++rejections; }

  std::atomic<int> handed_out = 0;
  std::atomic<int> rejections = 0;
  std::atomic<bool> broken = false;
};

TEST_CASE("token: asked for each request, told of a 401, never in an error") {
  RawServer server{[](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      if (request->find("/die") != std::string::npos) return;
      peer.write(http_answer(request->find("tok-2") != std::string::npos ? 401 : 200, ""));
    }
  }};
  const auto source = std::make_shared<CountingSource>();
  ClientOptions options = options_for(server.url());
  options.token_source = source;
  const auto client = make_client(std::move(options));

  REQUIRE(client->send(patient(), Request{}));
  CHECK(header_of(server.requests().back(), "Authorization") == "Bearer tok-1");
  CHECK(source->rejections == 0);

  const auto refused = client->send(patient(), Request{});
  if (!refused) FAIL(refused.error());
  CHECK(refused->status == 401);
  CHECK(source->rejections == 1);
  CHECK(server.requests().size() == 2);  // not tried again by itself

  const auto died = client->send(patient(), Request{Method::Get, "/die", {}, ""});
  REQUIRE_FALSE(died);
  CHECK(died.error().message.find("tok-3") == std::string::npos);

  REQUIRE(client->send(patient(), Request{Method::Get, "/", {{"Authorization", "Bearer own"}}, ""}));
  CHECK(header_of(server.requests().back(), "Authorization") == "Bearer own");

  const std::size_t before = server.requests().size();
  source->broken = true;
  const auto none = client->send(patient(), Request{});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::NotFound);
  CHECK(server.requests().size() == before);
}

}  // namespace
}  // namespace tp::http::test
