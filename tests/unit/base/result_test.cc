#include "base/result.h"

#include <memory>
#include <string>

#include "support/catch.h"

namespace tp {
namespace {

Result<int> parse(const std::string& s) {
  if (s.empty()) return Error{ErrorCode::InvalidArgument, "empty"};
  return static_cast<int>(s.size());
}

Result<std::string> twice(const std::string& s) {
  TP_ASSIGN_OR_RETURN(const int a, parse(s));
  TP_ASSIGN_OR_RETURN(const int b, parse(s));
  return std::to_string(a + b);
}

Status check(const std::string& s) {
  TP_TRY(parse(s));
  return ok();
}

TEST_CASE("Result: early return keeps the first error", "[base]") {
  CHECK(*twice("ab") == "4");
  CHECK(twice("").error().code == ErrorCode::InvalidArgument);
  CHECK(check("x").has_value());
  CHECK_FALSE(check("").has_value());
}

TEST_CASE("Result: wrap prepends the caller's context", "[base]") {
  const Error e = parse("").error().wrap("field schedule");
  CHECK(e.message == "field schedule: empty");
}

TEST_CASE("Result: move-only values and chaining", "[base]") {
  Result<std::unique_ptr<int>> r = std::make_unique<int>(3);
  auto n = std::move(r).transform([](std::unique_ptr<int> p) { return *p * 2; });
  CHECK(*n == 6);
  auto m = parse("abc").and_then([](int v) -> Result<int> { return v + 1; });
  CHECK(*m == 4);
  CHECK(parse("").value_or(9) == 9);
}

TEST_CASE("ErrorCode: every code states whether to retry", "[base]") {
  CHECK(is_retryable(ErrorCode::Conflict));
  CHECK_FALSE(is_retryable(ErrorCode::InvalidArgument));
  CHECK_FALSE(is_retryable(ErrorCode::Cancelled));
}

}  // namespace
}  // namespace tp
