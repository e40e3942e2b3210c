#include "domain/quantity.h"

#include <string_view>

#include "support/catch.h"

namespace tp::domain {
namespace {

// What resource.ParseQuantity(text).String() of k8s.io/apimachinery v0.37.2 gives.
TEST_CASE("quantities are written as the API server writes them", "[quantity]") {
  struct Row {
    std::string_view text, canonical;
  };
  for (const Row row : {
           Row{"0", "0"},
           Row{"00", "0"},
           Row{"0Gi", "0"},
           Row{"0.0", "0"},
           Row{"0e5", "0"},
           // decimal
           Row{"1", "1"},
           Row{"1000m", "1"},
           Row{"1500m", "1500m"},
           Row{"0.5", "500m"},
           Row{".5", "500m"},
           Row{"2.5", "2500m"},
           Row{"1.0", "1"},
           Row{"10.000", "10"},
           Row{"1.50000", "1500m"},
           Row{"1.1234", "1123400u"},
           Row{"1000", "1k"},
           Row{"100000", "100k"},
           Row{"1000k", "1M"},
           Row{"1024", "1024"},
           Row{"1500u", "1500u"},
           Row{"1000000n", "1m"},
           Row{"1E", "1E"},
           Row{"9223372036854775808", "9223372036854775808"},
           Row{"99999999999999999999999999999999", "99999999999999999999999999999999"},
           // too small: rounded up to a billionth
           Row{"0.1n", "1n"},
           Row{"0.0000000001", "1n"},
           Row{"1.0000000001", "1000000001n"},
           Row{"1e-12", "1e-9"},
           // binary
           Row{"1Gi", "1Gi"},
           Row{"1024Mi", "1Gi"},
           Row{"1048576Ki", "1Gi"},
           Row{"1025Mi", "1025Mi"},
           Row{"1000Mi", "1000Mi"},
           Row{"1.5Gi", "1536Mi"},
           Row{"0.5Gi", "512Mi"},
           Row{"1.0Gi", "1Gi"},
           Row{"0.5Ki", "512"},
           Row{"0.1Gi", "107374182400m"},
           Row{"0.3333333333333333Gi", "357913941333333298n"},
           Row{"7Ei", "7Ei"},
           Row{"16Ei", "9223372036854775807"},
           // exponents
           Row{"1e3", "1e3"},
           Row{"12E6", "12E6"},
           Row{"1e+3", "1e+3"},
           Row{"1e2", "100"},
           Row{"1e1", "10"},
           Row{"100e1", "1e3"},
           Row{"1.5e3", "1500"},
           Row{"1e99", "1e99"},
           // oddities of the original, which compare with live objects only if they are ours too
           Row{"01", "01"},
           Row{"0100m", "0100m"},
           Row{"01Gi", "01Gi"},
           Row{"08Gi", "8Gi"},
           Row{"1.500", "1.500"},
           Row{"1000E", "1"},
       }) {
    CAPTURE(row.text);
    const auto quantity = Quantity::parse(row.text);
    REQUIRE(quantity);
    CHECK(quantity->canonical() == row.canonical);
  }
}

TEST_CASE("what is no amount is refused", "[quantity]") {
  for (const std::string_view text : {"",     "-1",  "+1",   "1.",    ".",
                                      "Gi",   "1GB", "1 Gi", "1ki",   "1K",
                                      "1mi",  "1e",  "1e+",  "1e100", "1Gi ",
                                      "0x10", "1,5", "e3",   "1e1.5", "000000000000000000000000000001024"}) {
    CAPTURE(text);
    CHECK_FALSE(Quantity::parse(text));
  }
}

TEST_CASE("quantities compare by amount, not by text", "[quantity]") {
  const auto amount = [](std::string_view text) { return Quantity::parse(text).value(); };
  CHECK(amount("1000m") == amount("1"));
  CHECK(amount("1Gi") == amount("1024Mi"));
  CHECK(amount("0") == amount("0Gi"));
  CHECK(amount("0") < amount("1n"));
  CHECK(amount("2") > amount("1999m"));
  CHECK(amount("1Gi") > amount("1.07G"));
  CHECK(amount("1e3") > amount("999"));
  CHECK(amount("12") < amount("121"));
  CHECK(amount("1e99") > amount("7Ei"));
}

}  // namespace
}  // namespace tp::domain
