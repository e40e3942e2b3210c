#include "provisioner/commands/checks.h"

#include <nlohmann/json.hpp>

#include "json/parse.h"
#include "support/catch.h"

namespace tp::provisioner::test {
namespace {

const std::vector<Check> kChecks{{Verdict::Ok, "API server", "here"},
                                 {Verdict::Missing, "permission", "patch \"x\""},
                                 {Verdict::Warning, "a", "b"}};

TEST_CASE("checks: a line for each, and a count", "[commands]") {
  CHECK(to_text(kChecks) ==
        "ok       API server  here\n"
        "missing  permission  patch \"x\"\n"
        "warning  a           b\n"
        "1 ok, 1 missing, 1 warnings\n");
  CHECK(to_text(std::vector<Check>{}) == "0 ok, 0 missing, 0 warnings\n");
}

TEST_CASE("checks: as one object", "[commands]") {
  const auto read = json::parse(to_json(kChecks));
  REQUIRE(read);
  CHECK(read->at("checks").size() == 3);
  CHECK(read->at("checks").at(1) ==
        nlohmann::json{{"result", "missing"}, {"about", "permission"}, {"message", "patch \"x\""}});
  CHECK(read->at("ok") == 1);
  CHECK(read->at("missing") == 1);
  CHECK(read->at("warnings") == 1);
}

TEST_CASE("checks: only what is missing is a failure", "[commands]") {
  CHECK_FALSE(is_missing(kChecks[0]));
  CHECK(is_missing(kChecks[1]));
  CHECK_FALSE(is_missing(kChecks[2]));
}

}  // namespace
}  // namespace tp::provisioner::test
