#include "json/parse.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace tp::json {
namespace {

TEST_CASE("parse gives the tree, or the same error as Document") {
  const auto tree = parse(R"({"a":[1,"x"]})");
  REQUIRE(tree);
  CHECK(*tree == nlohmann::json{{"a", {1, "x"}}});

  const std::string deep(65, '[');
  for (const std::string_view text :
       std::initializer_list<std::string_view>{R"({"a":secret})", R"({"a")", "", "[1,]", deep}) {
    CAPTURE(text);
    Document d;
    const auto bad = parse(text);
    const auto same = d.parse(text);
    REQUIRE_FALSE(bad);
    REQUIRE_FALSE(same);
    CHECK(bad.error() == same.error());
    CHECK_FALSE(check(text));
  }
  const auto big = parse("[1e999]");
  REQUIRE_FALSE(big);
  CHECK(big.error().code == ErrorCode::DataLoss);
  CHECK_FALSE(parse({"{}\0", 3}));
}

TEST_CASE("check accepts what parse accepts") {
  const std::string long_number(400, '9');
  const std::vector<std::string> texts{"0",
                                       "-0",
                                       "-",
                                       "01",
                                       "1.",
                                       ".5",
                                       "1.5",
                                       "1e5",
                                       "1E+5",
                                       "1e-5",
                                       "1e",
                                       "1e+",
                                       "1e308",
                                       "1e309",
                                       "-1e999",
                                       "1e-999",
                                       long_number,
                                       "0." + long_number,
                                       "+1",
                                       "0x1",
                                       "18446744073709551616",
                                       "true",
                                       "false",
                                       "null",
                                       "nul",
                                       "True",
                                       "{}",
                                       "[]",
                                       " [ ] ",
                                       "[,]",
                                       "[1,]",
                                       "[1 2]",
                                       "{\"a\":1,}",
                                       "{\"a\"}",
                                       "{\"a\" : 1 , \"a\":2}",
                                       "{a:1}",
                                       "{1:1}",
                                       "{,}",
                                       "{\"a\":}",
                                       "[}",
                                       "{]",
                                       "[",
                                       "{",
                                       "]",
                                       "",
                                       " ",
                                       "1 1",
                                       "{}x",
                                       "\xEF\xBB\xBF{}",
                                       "{}\xEF\xBB\xBF",
                                       "\v{}",
                                       "\"a",
                                       "\"\t\"",
                                       "\"\x1F\"",
                                       "\"\x7F\"",
                                       R"("\"\\\/\b\f\n\r\t")",
                                       R"("\a")",
                                       R"("\")",
                                       R"("\u00e9")",
                                       R"("\u00E")",
                                       R"("\u00g0")",
                                       R"("\U0041")",
                                       R"("\uD83D\uDE00")",
                                       R"("\uD83D")",
                                       R"("\uD83Dx")",
                                       R"("\uD83D\u0041")",
                                       R"("\uDE00")",
                                       R"("\uD83D\uD83D")",
                                       R"("\u0000")",
                                       "\"\xC2\x80\"",
                                       "\"\xC1\x80\"",
                                       "\"\xC2\"",
                                       "\"\xE0\xA0\x80\"",
                                       "\"\xE0\x9F\x80\"",
                                       "\"\xED\x9F\xBF\"",
                                       "\"\xED\xA0\x80\"",
                                       "\"\xEF\xBF\xBF\"",
                                       "\"\xE2\x82\"",
                                       "\"\xF0\x90\x80\x80\"",
                                       "\"\xF0\x8F\x80\x80\"",
                                       "\"\xF4\x8F\xBF\xBF\"",
                                       "\"\xF4\x90\x80\x80\"",
                                       "\"\xF5\x80\x80\x80\"",
                                       "\"\x80\"",
                                       "\"\xF0\x90\x80",
                                       "\"\xC2\x80\x80\"",
                                       std::string{"{}\0", 3},
                                       std::string{"\"\0\"", 3},
                                       std::string(64, '[') + std::string(64, ']'),
                                       std::string(65, '[') + std::string(65, ']'),
                                       std::string(400'000, '[')};
  for (const std::string& text : texts) {
    CAPTURE(text);
    const auto tree = parse(text);
    const auto checked = check(text);
    CHECK(checked.has_value() == tree.has_value());
    if (!checked && !tree) CHECK(checked.error().code == tree.error().code);
  }
  CHECK(check("[1]", {.bytes = 2}).error().code == ErrorCode::ResourceExhausted);
}

TEST_CASE("check_limits looks at structure only") {
  const Limits limits{.bytes = 64, .depth = 2};
  CHECK(check_limits("[[]]", limits));
  CHECK_FALSE(check_limits("[[[]]]", limits));
  CHECK_FALSE(check_limits("[{\"a\":[", limits));
  CHECK(check_limits(R"(["[[[[", "\"[[[[", "\\"])", limits));  // brackets in strings
  CHECK_FALSE(check_limits(R"(["\\", [[]]])", limits));        // the string ends at its own quote
  CHECK(check_limits("]]]]", limits));                         // not JSON, but not deep
  CHECK(check_limits(R"("\)", limits));                        // a backslash at the very end
  CHECK_FALSE(check_limits(std::string(65, ' '), limits));
}

TEST_CASE("dump is compact and survives bytes that are not UTF-8") {
  CHECK(dump({{"b", 1}, {"a", "x\n"}}) == R"({"a":"x\n","b":1})");
  CHECK(dump(nlohmann::json{"\xff"}) == "[\"\xEF\xBF\xBD\"]");
}

}  // namespace
}  // namespace tp::json
