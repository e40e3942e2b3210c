// Requests and answers as they travel: exact bytes, failures and their codes, no second sending.

#include <string>
#include <thread>
#include <vector>

#include "fixture.h"

namespace tp::http::test {
namespace {

using tp::test::header_of;
using tp::test::http_answer;
using tp::test::http_chunk;
using tp::test::RawServer;

// Answers every request of every connection with the same bytes.
RawServer::Script always(std::string answer) {
  return [answer = std::move(answer)](RawServer::Peer& peer) {
    while (peer.read_request()) {
      if (!peer.write(answer)) return;
    }
  };
}

TEST_CASE("send: request and answer arrive as they were written") {
  const std::string body{"\0\xff\r\n{}", 6};
  RawServer server{always(http_answer(201, body, "X-One: 1\r\nContent-Type: image/odd; charset=none\r\n"))};
  const auto client = make_client(server.url() + "/prefix/");

  const auto answer = client->send(patient(), Request{Method::Patch, "/a%2Fb/c?x=1%262&y=&force=true",
                                                      {{"Content-Type", "application/apply-patch+yaml"}}, body});

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

TEST_CASE("send: every method, with and without bodies, and answers without bodies") {
  RawServer server{[](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      const bool head = request->starts_with("HEAD");
      if (!peer.write(head ? "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" : "HTTP/1.1 204 No\r\n\r\n")) return;
    }
  }};
  const auto client = make_client(server.url());
  for (const Method method : {Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete}) {
    for (const std::string body : {"", "{}"}) {
      if (!body.empty() && (method == Method::Get || method == Method::Head)) continue;
      const auto answer = client->send(patient(), Request{method, "/", {}, body});
      if (!answer) FAIL(to_string(method) << ": " << answer.error());
      CHECK(answer->status == (method == Method::Head ? 200 : 204));
      CHECK(answer->body.empty());
      CHECK(server.requests().back().starts_with(std::string{to_string(method)} + " / HTTP/1.1\r\n"));
    }
  }
}

}  // namespace
}  // namespace tp::http::test
