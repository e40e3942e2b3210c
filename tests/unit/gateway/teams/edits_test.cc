#include "gateway/teams/edits.h"

#include "support/catch.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

const Json kBefore{
    {"metadata", {{"name", "a"}}},
    {"spec", {{"orgId", "o"}, {"pipeline", {{"schedule", "0 2 * * *"}}}, {"routing", {{"x", {1}}}}}}};

TEST_CASE("edits: what no edit names stays") {
  CHECK(edited(kBefore, {}) == kBefore);
  Json after = kBefore;
  after["spec"]["runtime"]["mode"] = "Dedicated";
  CHECK(edited(kBefore, {{{"spec", "runtime", "mode"}, "Dedicated"}}) == after);
}

TEST_CASE("edits: a value replaces, an empty list is one") {
  const Json after = edited(kBefore, {{{"spec", "routing", "slackChannelIds"}, Json::array()},
                                      {{"spec", "pipeline", "schedule"}, "0 3 * * *"}});
  CHECK(after.at("spec").at("routing") == Json{{"x", {1}}, {"slackChannelIds", Json::array()}});
  CHECK(after.at("spec").at("pipeline").at("schedule") == "0 3 * * *");
}

TEST_CASE("edits: null removes, with what it leaves empty") {
  const Json after = edited(kBefore, {{{"spec", "pipeline", "schedule"}, nullptr}});
  CHECK_FALSE(after.at("spec").contains("pipeline"));
  CHECK(after.at("spec").at("orgId") == "o");
  CHECK(edited(kBefore, {{{"spec", "runtime", "mode"}, nullptr}}) == kBefore);
  CHECK(edited(kBefore, {{{"spec", "orgId", "deeper"}, nullptr}}) == kBefore);
}

TEST_CASE("edits: later ones come on top of earlier ones") {
  const Json after =
      edited(kBefore, {{{"spec", "pipeline", "schedule"}, nullptr}, {{"spec", "pipeline", "suspend"}, true}});
  CHECK(after.at("spec").at("pipeline") == Json{{"suspend", true}});
}

TEST_CASE("edits: two on different fields hold in either order") {
  const Edit one{{"spec", "runtime", "mode"}, "Dedicated"};
  const Edit other{{"spec", "pipeline", "schedule"}, nullptr};
  CHECK(edited(edited(kBefore, {one}), {other}) == edited(edited(kBefore, {other}), {one}));
}

}  // namespace
}  // namespace tp::gateway
