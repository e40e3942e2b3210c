#include "http/types.h"

#include <string_view>

#include "support/catch.h"

namespace tp::http {
namespace {

TEST_CASE("methods are spelt as on the wire, in capitals only") {
  for (const Method method :
       {Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete}) {
    CHECK(parse_method(to_string(method)) == method);
  }
  CHECK(to_string(Method::Patch) == "PATCH");
  CHECK_FALSE(parse_method("get"));
  CHECK_FALSE(parse_method("TRACE"));
}

TEST_CASE("header names compare without case, order and repetition are kept") {
  Headers h{{"Set-Cookie", "a"}, {"X", "1"}};
  h.add("set-cookie", "b");
  CHECK(h.find("SET-COOKIE") == "a");
  CHECK(h.count("Set-cookie") == 2);
  CHECK_FALSE(h.find("Y"));
  h.set("Set-Cookie", "c");
  CHECK(h.count("set-cookie") == 1);
  CHECK(h == Headers{{"X", "1"}, {"Set-Cookie", "c"}});
}

TEST_CASE("escape leaves only what is unreserved") {
  CHECK(escape("aZ09-._~") == "aZ09-._~");
  CHECK(escape("a/b c?d=é") == "a%2Fb%20c%3Fd%3D%C3%A9");
}

TEST_CASE("Retry-After is understood in whole seconds") {
  const auto of = [](std::string value) {
    return retry_after_seconds(Headers{{"retry-after", std::move(value)}});
  };
  CHECK(of("0") == 0);
  CHECK(of("120") == 120);
  CHECK_FALSE(of("-1"));
  CHECK_FALSE(of("1.5"));
  CHECK_FALSE(of("Wed, 21 Oct 2026 07:28:00 GMT"));
  CHECK_FALSE(of("99999999999"));
  CHECK_FALSE(retry_after_seconds({}));
}

}  // namespace
}  // namespace tp::http
