#include "gateway/teams/team_token.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

Json a_secret() {
  return {{"type", "incidentfox.io/team-token"},
          {"metadata", {{"ownerReferences", {{{"uid", "u"}, {"controller", true}}}}}},
          {"data", {{"token", "dG9rZW4="}}}};
}

std::string token(const Json& secret) {
  TeamResource resource;
  resource.meta.uid = "u";
  json::Document document;
  REQUIRE(document.parse(secret.dump()));
  const auto found = token_in(document.root(), resource);
  return found ? std::string{found->reveal()} : "none";
}

TEST_CASE("team token: only that of its own Secret") {
  CHECK(token(a_secret()) == "token");
  Json secret = a_secret();
  secret["type"] = "Opaque";
  CHECK(token(secret) == "none");
  secret = a_secret();
  secret["metadata"]["ownerReferences"][0]["uid"] = "another";
  CHECK(token(secret) == "none");
  secret = a_secret();
  secret["metadata"]["ownerReferences"][0]["controller"] = false;
  CHECK(token(secret) == "none");
  secret = a_secret();
  secret["metadata"].erase("ownerReferences");
  CHECK(token(secret) == "none");
  for (const char* const bad : {"", "%%%"}) {
    secret = a_secret();
    secret["data"]["token"] = bad;
    CHECK(token(secret) == "none");
  }
}

}  // namespace
}  // namespace tp::gateway
