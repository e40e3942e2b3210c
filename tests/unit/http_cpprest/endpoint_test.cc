#include "http_cpprest/endpoint.h"

#include <string>

#include "support/catch.h"

namespace tp::http {
namespace {

TEST_CASE("parse_origin: scheme, host, port and prefix") {
  const auto origin = parse_origin("https://API.example:6443/k8s/clusters/c-1/");
  REQUIRE(origin);
  CHECK(*origin == Origin{true, {"api.example", 6443}, false, "/k8s/clusters/c-1"});
  CHECK(origin->authority() == "api.example:6443");

  CHECK(parse_origin("http://10.0.0.1")->is_ip);
  CHECK(parse_origin("http://10.0.0.1")->authority() == "10.0.0.1");
  CHECK(parse_origin("https://a:443/")->authority() == "a");
  CHECK(parse_origin("https://a:80/")->authority() == "a:80");
}

TEST_CASE("parse_origin: what a client could not serve is refused with the reason") {
  const auto reason = [](std::string_view url) {
    const auto origin = parse_origin(url);
    REQUIRE_FALSE(origin);
    CHECK(origin.error().code == ErrorCode::InvalidArgument);
    return origin.error().message;
  };
  CHECK(reason("ftp://a").find("http://") != std::string::npos);
  CHECK(reason("a:8080").find("http://") != std::string::npos);
  CHECK(reason("https://[::1]:6443").find("IPv6 literal") != std::string::npos);
  CHECK(reason("https://[fd00::1]").find("IPv6 literal") != std::string::npos);
  CHECK(reason("https://fd00::1").find("IPv6 literal") != std::string::npos);
  CHECK(reason("https://").find("empty") != std::string::npos);
  CHECK(reason("https://a:0").find("port") != std::string::npos);
  CHECK(reason("https://a:65536").find("port") != std::string::npos);
  CHECK(reason("https://a:8x").find("port") != std::string::npos);
  CHECK(reason("https://a_b!/").find("not a host name") != std::string::npos);
  for (const char* url : {"https://user:s3cret@a/", "https://a/?q=s3cret", "https://a/#s3cret"}) {
    CHECK(reason(url).find("s3cret") == std::string::npos);
  }
}

TEST_CASE("parse_connect_to: exact names and suffixes") {
  CHECK(*parse_connect_to("api.Example:443=127.0.0.1:6443") ==
        ConnectTo{"api.example", 443, {"127.0.0.1", 6443}});
  CHECK(*parse_connect_to(".svc.cluster.local:8080=localhost:9000") ==
        ConnectTo{".svc.cluster.local", 8080, {"localhost", 9000}});

  for (const char* bad : {"", "a:1", "a=b", "a:1=b", "a=b:1", "a:1=b:x", ":1=b:2", "a:1=:2", "a:1=.b:2",
                          "a:1=[::1]:2", "[::1]:1=b:2", "a:1=b:2=c:3"}) {
    INFO(bad);
    const auto rule = parse_connect_to(bad);
    REQUIRE_FALSE(rule);
    CHECK(rule.error().code == ErrorCode::InvalidArgument);
  }
}

TEST_CASE("parse_connect_to: all of a flag, or the one that is wrong") {
  const std::vector<std::string> flags{"a:1=b:2", "c:3=d:4"};
  CHECK(*parse_connect_to(flags) == std::vector{*parse_connect_to(flags[0]), *parse_connect_to(flags[1])});
  CHECK(parse_connect_to(std::vector<std::string>{})->empty());
  const auto wrong = parse_connect_to(std::vector<std::string>{"a:1=b:2", "c:3"});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message.find("--connect-to: \"c:3\"") != std::string::npos);
}

TEST_CASE("route: the first rule that matches decides") {
  const std::vector<ConnectTo> rules{*parse_connect_to("config.svc.local:80=127.0.0.1:1"),
                                     *parse_connect_to(".svc.local:80=127.0.0.1:2")};
  CHECK(route({"config.svc.local", 80}, rules) == Endpoint{"127.0.0.1", 1});
  CHECK(route({"agent.svc.local", 80}, rules) == Endpoint{"127.0.0.1", 2});
  CHECK(route({"agent.svc.local", 81}, rules) == Endpoint{"agent.svc.local", 81});
  CHECK(route({"svc.local", 80}, rules) == Endpoint{"svc.local", 80});
  CHECK(route({"evil-svc.local", 80}, rules) == Endpoint{"evil-svc.local", 80});
}

}  // namespace
}  // namespace tp::http
