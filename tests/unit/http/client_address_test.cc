#include "http/client_address.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.h"

namespace tp::http {
namespace {

Network net(std::string_view text) {
  const auto network = Network::parse(text);
  if (!network) FAIL(network.error().message);
  return *network;
}

TEST_CASE("a network contains the addresses that share its prefix, IPv4 and IPv6") {
  CHECK(net("10.0.0.0/8").contains(net("10.255.1.2")));
  CHECK_FALSE(net("10.0.0.0/8").contains(net("11.0.0.0")));
  CHECK(net("192.168.16.0/20").contains(net("192.168.31.255")));
  CHECK_FALSE(net("192.168.16.0/20").contains(net("192.168.32.0")));
  CHECK(net("192.0.2.1").contains(net("192.0.2.1")));
  CHECK_FALSE(net("192.0.2.1").contains(net("192.0.2.2")));
  CHECK(net("fd00::/8").contains(net("fdff::1")));
  CHECK_FALSE(net("fd00::/8").contains(net("fe00::")));
  CHECK(net("0.0.0.0/0").contains(net("255.255.255.255")));
  CHECK_FALSE(net("0.0.0.0/0").contains(net("2001:db8::1")));
  CHECK(net("::/0").contains(net("2001:db8::1")));
  CHECK(net("10.0.0.0/8").contains(net("::ffff:10.1.2.3")));  // the same address in its other form
  CHECK_FALSE(net("10.0.0.0/16").contains(net("10.0.0.0/8")));
}

TEST_CASE("what is no network is refused") {
  for (const std::string_view text :
       {"", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ", " 10.0.0.0/8",
        "10.1.0.0/8", "10.0.0.0/8/8", "::/129", "fd00::1/64", "fe80::1%eth0", "[::1]", "localhost",
        "010.0.0.1", "10.0.0.0/0x8", "/8"}) {
    CAPTURE(text);
    const auto network = Network::parse(text);
    REQUIRE_FALSE(network);
    CHECK(network.error().code == ErrorCode::InvalidArgument);
  }
}

// The client, with 10.0.0.0/8 and fd00::/8 trusted.
std::string client(std::string_view peer, std::initializer_list<std::string> forwarded) {
  Headers headers{{"X-Real-IP", "203.0.113.99"}};
  for (const std::string& value : forwarded) headers.add("x-forwarded-for", value);
  return client_address(peer, headers, {net("10.0.0.0/8"), net("fd00::/8")});
}

TEST_CASE("a peer that is no trusted proxy is the client, whatever it says") {
  CHECK(client("192.0.2.7", {}) == "192.0.2.7");
  CHECK(client("192.0.2.7", {"203.0.113.1"}) == "192.0.2.7");
  CHECK(client("2001:db8::7", {"10.0.0.1"}) == "2001:db8::7");
  CHECK(client_address("10.0.0.1", {{"X-Forwarded-For", "203.0.113.1"}}, {}) == "10.0.0.1");
}

TEST_CASE("behind trusted proxies the client is the first address from the right that is not trusted") {
  CHECK(client("10.0.0.1", {}) == "10.0.0.1");
  CHECK(client("10.0.0.1", {"203.0.113.1"}) == "203.0.113.1");
  CHECK(client("10.0.0.1", {"198.51.100.66, 203.0.113.1"}) == "203.0.113.1");  // the left one is forged
  CHECK(client("10.0.0.1", {"198.51.100.66,203.0.113.1 ,\t10.9.9.9,fd00::2"}) == "203.0.113.1");
  CHECK(client("fd00::1", {"198.51.100.66", "203.0.113.1", "10.0.0.2"}) == "203.0.113.1");
  CHECK(client("10.0.0.1", {"10.0.0.3, 10.0.0.2"}) == "10.0.0.3");  // all trusted: the farthest
  CHECK(client("::ffff:10.0.0.1", {"2001:DB8:0:0::1"}) == "2001:db8::1");
}

TEST_CASE("an address may have a port") {
  CHECK(client("10.0.0.1", {"203.0.113.1:51234"}) == "203.0.113.1");
  CHECK(client("10.0.0.1", {"[2001:db8::1]:51234"}) == "2001:db8::1");
  CHECK(client("10.0.0.1", {"[2001:db8::1]"}) == "2001:db8::1");
}

TEST_CASE("what is no address ends the walk at the last good one") {
  for (const std::string bad : {"", "unknown", "203.0.113.1;", "203.0.113.0/24", "_hidden",
                                "203.0.113.1:99999", ":80", "[]", "203.0.113.1 203.0.113.2"}) {
    CAPTURE(bad);
    CHECK(client("10.0.0.1", {bad}) == "10.0.0.1");
    CHECK(client("10.0.0.1", {"203.0.113.1, " + bad + ", 10.0.0.2"}) == "10.0.0.2");
  }
  CHECK(client_address("unknown", {{"X-Forwarded-For", "203.0.113.1"}}, {net("::/0")}) == "unknown");
}

}  // namespace
}  // namespace tp::http
