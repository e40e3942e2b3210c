#include "domain/manifest.h"

#include <string>
#include <string_view>

#include "support/catch.h"

namespace tp::domain {
namespace {

nlohmann::json only(std::string_view yaml) {
  const auto manifests = parse_manifests(yaml);
  INFO((manifests ? std::string{} : manifests.error().message));
  REQUIRE(manifests);
  REQUIRE(manifests->size() == 1);
  return manifests->at(0).value;
}

std::string message_of(std::string_view yaml) {
  const auto manifests = parse_manifests(yaml);
  REQUIRE_FALSE(manifests);
  return manifests.error().message;
}

// What sigs.k8s.io/yaml v1.6.0 makes of the same text.
TEST_CASE("scalars read as kubectl reads them", "[manifest]") {
  struct Row {
    std::string_view yaml, json;
  };
  for (const Row row : {
           Row{"a", R"("a")"},
           Row{"'1'", R"("1")"},
           Row{R"("true")", R"("true")"},
           Row{"!!str 1", R"("1")"},
           Row{"true", "true"},
           Row{"yes", "true"},
           Row{"Off", "false"},
           Row{"n", "false"},
           Row{"tRue", R"("tRue")"},
           Row{"1", "1"},
           Row{"-1", "-1"},
           Row{"+1", "1"},
           Row{"0x1F", "31"},
           Row{"0o17", "15"},
           Row{"017", "15"},
           Row{"09", "9"},
           Row{"0b101", "5"},
           Row{"1_000", "1000"},
           Row{"-0x10", "-16"},
           Row{"9223372036854775807", "9223372036854775807"},
           Row{"-9223372036854775808", "-9223372036854775808"},
           Row{"18446744073709551615", "18446744073709551615"},
           Row{"1.5", "1.5"},
           Row{".5", "0.5"},
           Row{"1.", "1"},
           Row{"1e3", "1000"},
           Row{"1.0", "1"},
           Row{"-2.5e-1", "-0.25"},
           Row{"1e", R"("1e")"},
           Row{".", R"(".")"},
           Row{"-", "[null]"},
           Row{"+", R"("+")"},
           Row{"1Gi", R"("1Gi")"},
           Row{"500m", R"("500m")"},
           Row{"1.2.3", R"("1.2.3")"},
           Row{"2001-01-01", R"("2001-01-01")"},
           Row{"0 2 * * *", R"("0 2 * * *")"},
           Row{"0100%", R"("0100%")"},
           Row{"25%", R"("25%")"},
           Row{"[]", "[]"},
           Row{"{}", "{}"},
           Row{"[~, null, '']", R"([null,null,""])"},
           Row{"{a: }", R"({"a":null})"},
           Row{"{1: a, true: b}", R"({"1":"a","true":"b"})"},
           Row{"|\n a\n b\n", R"("a\nb\n")"},
           Row{">-\n a\n b\n", R"("a b")"},
       }) {
    CAPTURE(row.yaml);
    CHECK(only(row.yaml) == nlohmann::json::parse(row.json));
    CHECK(only(row.yaml).dump() == row.json);
  }
}

TEST_CASE("documents are told apart, empty ones left out", "[manifest]") {
  const auto manifests = parse_manifests("# nothing\n---\na: 1\n---\n---\n# two\nb: 2\n");
  REQUIRE(manifests);
  REQUIRE(manifests->size() == 2);
  CHECK(manifests->at(0).line == 3);
  CHECK(manifests->at(1).value == nlohmann::json{{"b", 2}});
  CHECK(manifests->at(1).line == 7);
  CHECK(parse_manifests("")->empty());
}

TEST_CASE("anchors and merges are followed", "[manifest]") {
  CHECK(only("a: &x {p: 1}\nb: *x\n") == nlohmann::json::parse(R"({"a":{"p":1},"b":{"p":1}})"));
  CHECK(only("base: &b {p: 1, q: 2}\nall: {<<: *b, q: 3}\n")["all"] ==
        nlohmann::json::parse(R"({"p":1,"q":3})"));
  CHECK(only("all: {<<: [{p: 1}, {p: 2, q: 2}], r: 3}\n")["all"] ==
        nlohmann::json::parse(R"({"p":1,"q":2,"r":3})"));
  CHECK(only("{\"<<\": 1}") == nlohmann::json{{"<<", 1}});
}

TEST_CASE("mistakes are shown by line and column", "[manifest]") {
  CHECK(message_of("a: 1\nb:\n  c: 1\n  c: 2\n") ==
        "line 4, column 3: key \"c\" is given twice, first in line 3");
  CHECK(message_of("a: b: c\n").rfind("line 1, column 5: ", 0) == 0);
  CHECK(message_of("a:\n\t- b\n").rfind("line 2, column ", 0) == 0);
  CHECK(message_of("a: *b\n").rfind("line 1, column 4: ", 0) == 0);
  CHECK(message_of("a: !mine b\n") == "line 1, column 4: tag \"!mine\" has no meaning here");
  CHECK(message_of("a: .inf\n") == "line 1, column 4: .inf is a number that JSON does not have");
  CHECK(message_of("a: !!int x\n") == "line 1, column 4: this is not of its type \"int\"");
  CHECK(message_of("{[a]: b}\n").rfind("line 1, column 2: a key must be a text", 0) == 0);
  CHECK(message_of("a: {<<: 1}\n").rfind("line 1, column 9: << takes", 0) == 0);
}

TEST_CASE("a bomb of aliases is refused", "[manifest]") {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) yaml += ", " + before;
    yaml += "]\n";
  }
  const auto manifests = parse_manifests(yaml);
  REQUIRE_FALSE(manifests);
  CHECK(manifests.error().code == ErrorCode::ResourceExhausted);

  const auto deep = parse_manifests(std::string(100, '[') + std::string(100, ']'));
  REQUIRE_FALSE(deep);
  CHECK(deep.error().code == ErrorCode::ResourceExhausted);
  CHECK_FALSE(parse_manifests(std::string(100'000, '[')));
  CHECK_FALSE(parse_manifests("a: &a [*a]\n"));
}

// yaml-cpp would make documents of them until the memory is gone.
TEST_CASE("a text that never ends as YAML is refused", "[manifest]") {
  CHECK(message_of(",") == "line 1, column 1: a document cannot begin like this");
  CHECK(message_of(" , ") == "line 1, column 2: a document cannot begin like this");
  CHECK(message_of("a: 1\n---\n , b\n") == "line 3, column 2: a document cannot begin like this");
  const auto empty = parse_manifests("---\n---\n# nothing\n---\na: 1\n...\n---\n");
  REQUIRE(empty);
  CHECK(empty->size() == 1);
}

TEST_CASE("a file that is not there is named", "[manifest]") {
  const auto manifests = load_manifests("/nowhere/team.yaml");
  REQUIRE_FALSE(manifests);
  CHECK(manifests.error().code == ErrorCode::NotFound);
  CHECK(manifests.error().message.rfind("/nowhere/team.yaml: ", 0) == 0);
}

}  // namespace
}  // namespace tp::domain
