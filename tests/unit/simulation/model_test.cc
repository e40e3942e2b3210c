#include <string>

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/model/api_server.h"
#include "support/model/managed_fields.h"
#include "unit/kube/core/golden.h"

// The model is only worth what it has in common with the real thing: it is held against what real servers
// answered.
namespace tp::test {
namespace {

using Json = nlohmann::json;

Json entry_of(const Json& object, const std::string& manager) {
  for (const Json& entry : object.at("metadata").at("managedFields")) {
    if (entry.at("manager") == manager) return entry.at("fieldsV1");
  }
  return nullptr;
}

TEST_CASE("model: an apply leaves the ownership that a real server wrote", "[simulation]") {
  for (const auto* const kind :
       {"deployment", "service", "cronjob", "networkpolicy", "poddisruptionbudget", "serviceaccount"}) {
    CAPTURE(kind);
    const Json applied = golden(std::string{"owned/"} + kind + ".applied");
    const auto made = apply_fields(Json{}, applied, {.manager = "team-operator"});
    REQUIRE(made);
    CHECK(entry_of(*made, "team-operator") ==
          entry_of(golden(std::string{"owned/"} + kind + ".live"), "team-operator"));
  }
}

}  // namespace
}  // namespace tp::test
