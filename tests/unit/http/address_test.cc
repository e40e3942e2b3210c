#include "http/address.h"

#include <string_view>

#include "support/catch.h"

namespace tp::http {
namespace {

TEST_CASE("an address is an optional IP and a port") {
  const auto is = [](std::string_view text, const Address& expected) {
    const auto address = parse_address(text);
    return address && *address == expected;
  };
  CHECK(is(":8080", {"", 8080}));
  CHECK(is("127.0.0.1:0", {"127.0.0.1", 0}));
  CHECK(is("0.0.0.0:65535", {"0.0.0.0", 65535}));
  CHECK(is("[::1]:8080", {"::1", 8080}));
}

TEST_CASE("anything else is refused with the right form named") {
  for (const std::string_view text : {"", "8080", ":", ":x", ":65536", ":-1", ": 80", ":80 ", "localhost:80",
                                      "::1:80", "[127.0.0.1]:80", "[]:80", "256.0.0.1:80", "127.0.0.1"}) {
    CAPTURE(text);
    const auto address = parse_address(text);
    REQUIRE_FALSE(address);
    CHECK(address.error().code == ErrorCode::InvalidArgument);
    CHECK(address.error().message.find("127.0.0.1:8080") != std::string::npos);
  }
}

}  // namespace
}  // namespace tp::http
