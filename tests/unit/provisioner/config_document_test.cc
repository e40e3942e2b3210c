#include "provisioner/platform/config_document.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace tp::provisioner {
namespace {

using domain::ConfigPolicy;
using domain::RoutingKind;
using Json = nlohmann::json;
using Strings = std::vector<std::string>;

constexpr const char* kUrl = "http://agent-dedicated-acme-checkout.incidentfox.svc.cluster.local:8080";

Json parsed(const char* text) { return Json::parse(text); }

struct Asked {
  domain::PlatformSpec spec{};
  domain::PlatformStatus memory{};

  Asked& route(RoutingKind kind, Strings identifiers) {
    spec.routing.at(static_cast<std::size_t>(kind)) = std::move(identifiers);
    return *this;
  }
  [[nodiscard]] domain::TeamProvisioning team() const {
    domain::TeamProvisioning team;
    team.spec.org_id = "acme";
    team.spec.team_node_id = "checkout";
    team.spec.platform = std::make_shared<const domain::PlatformSpec>(spec);
    team.status.platform = std::make_shared<const domain::PlatformStatus>(memory);
    return team;
  }
};

// The service's own rule: objects deep, everything else replaced, no key ever removed.
Json merged(Json live, const Json& patch) {
  for (const auto& [key, value] : patch.items()) {
    const bool deep = value.is_object() && live.contains(key) && live.at(key).is_object();
    live[key] = deep ? merged(live.at(key), value) : value;
  }
  return live;
}

TEST_CASE("desired config: the ids, and nothing else, of a team that asks for nothing", "[config]") {
  domain::TeamProvisioning bare;
  bare.spec.team_node_id = "checkout";
  CHECK(desired_config(bare, {}, "") ==
        parsed(R"({"routing":{"team_id":"checkout"},"ai_pipeline":{"team_id":"checkout"}})"));
}

TEST_CASE("schedules of a configuration: those of what is enabled", "[config]") {
  using Schedules = domain::ResolvedSchedules;
  CHECK(*schedules_in(parsed(R"({})")) == Schedules{});
  CHECK(
      *schedules_in(parsed(R"({"ai_pipeline":{"enabled":true},"dependency_discovery":{"enabled":true}})")) ==
      Schedules{"0 2 * * *", "0 */2 * * *"});
  CHECK(*schedules_in(parsed(R"({"ai_pipeline":{"enabled":true,"schedule":"5 4 * * *"},
                                 "dependency_discovery":{"enabled":false,"schedule":"1 1 * * *"}})")) ==
        Schedules{"5 4 * * *", ""});
  for (const char* odd : {R"({"ai_pipeline":[]})", R"({"ai_pipeline":{"enabled":"yes"}})"})
    CHECK(*schedules_in(parsed(odd)) == Schedules{});
  for (const char* wrong : {R"({"dependency_discovery":{"enabled":true,"schedule":"at noon"}})",
                            R"({"dependency_discovery":{"enabled":true,"schedule":7}})"})
    CHECK(schedules_in(parsed(wrong)).error().message ==
          "dependency_discovery.schedule is no cron expression");
}

TEST_CASE("desired config: routing lists that are there, by their names in the service", "[config]") {
  const Json routing = desired_config(Asked{}
                                          .route(RoutingKind::SlackChannel, {"C1", "C2"})
                                          .route(RoutingKind::GitHubRepository, {})
                                          .team(),
                                      {}, "")
                           .at("routing");
  CHECK(routing == parsed(R"({"team_id":"checkout","slack_channel_ids":["C1","C2"],"github_repos":[]})"));
}

TEST_CASE("desired config: identifiers of an older team are left out, of their kind alone", "[config]") {
  const auto team =
      Asked{}.route(RoutingKind::SlackChannel, {"x", "y"}).route(RoutingKind::PagerDutyService, {"x"}).team();
  const Json routing =
      desired_config(team, {{{RoutingKind::SlackChannel, "x"}, "incidentfox/first"}}, "").at("routing");
  CHECK(routing.at("slack_channel_ids") == Json{"y"});
  CHECK(routing.at("pagerduty_service_ids") == Json::array({"x"}));
}

TEST_CASE("desired config: the free part, governance and the URL", "[config]") {
  Asked asked;
  asked.spec.config = parsed(R"({"agent":{"model":"m"},"ai_pipeline":{"enabled":true},"tools":null})");
  asked.spec.governance = domain::Governance{.write_tools = domain::WriteTools::Approved,
                                             .approved_by = "ana",
                                             .audit_sink_url = "https://audit",
                                             .audit_sink_secret = "never-told",
                                             .regions = {"eu-1"},
                                             .egress_cidrs = {"10.0.0.0/8"}};
  CHECK(desired_config(asked.team(), {}, kUrl) ==
        Json{{"agent", {{"model", "m"}, {"dedicated_service_url", kUrl}}},
             {"ai_pipeline", {{"enabled", true}, {"team_id", "checkout"}}},
             {"tools", nullptr},
             {"routing", {{"team_id", "checkout"}}},
             {"governance",
              {{"write_tools", "approved"},
               {"approved_by", "ana"},
               {"audit_sink", {{"url", "https://audit"}}},
               {"data_locality", {{"regions", Json{"eu-1"}}, {"egress_cidrs", Json{"10.0.0.0/8"}}}}}}});

  asked.spec.governance = domain::Governance{.approved_by = "ana"};
  CHECK(desired_config(asked.team(), {}, "").at("governance") == parsed(R"({"write_tools":"disabled"})"));
}

TEST_CASE("leaves: everything that is not an object with members", "[config]") {
  CHECK(leaves_of(parsed(R"({"b":{"y":[1,{"z":2}],"x":{}},"a":null,"c":{"d":{"e":false}}})")) ==
        Strings{"a", "b.x", "b.y", "c.d.e"});
  CHECK(leaves_of(Json::object()).empty());
}

TEST_CASE("patch: the smallest that makes one document say what another says", "[config]") {
  struct Case {
    const char* what;
    const char *desired, *live, *patch;
  };
  const std::vector<Case> cases{
      {"nothing asked", "{}", R"({"a":1})", "{}"},
      {"in place", R"({"a":{"b":1}})", R"({"a":{"b":1,"c":2},"d":3})", "{}"},
      {"absent", R"({"a":{"b":1}})", "{}", R"({"a":{"b":1}})"},
      {"one of two", R"({"a":{"b":1,"c":2}})", R"({"a":{"b":1,"c":3}})", R"({"a":{"c":2}})"},
      {"a list is replaced whole", R"({"a":[1,2]})", R"({"a":[2,1]})", R"({"a":[1,2]})"},
      {"null where something is", R"({"a":null})", R"({"a":[1]})", R"({"a":null})"},
      {"null where null is", R"({"a":null})", R"({"a":null})", "{}"},
      {"null where nothing is", R"({"a":null})", "{}", R"({"a":null})"},
      {"a leaf where an object is", R"({"a":1})", R"({"a":{"b":1}})", R"({"a":1})"},
      {"an object where a leaf is", R"({"a":{"b":1}})", R"({"a":7})", R"({"a":{"b":1}})"},
      {"an object where null is", R"({"a":{"b":1}})", R"({"a":null})", R"({"a":{"b":1}})"},
      {"an empty object where one is", R"({"a":{}})", R"({"a":{"b":1}})", "{}"},
      {"an empty object where none is", R"({"a":{}})", R"({"a":1})", R"({"a":{}})"},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    CHECK(patch_for(parsed(c.desired), parsed(c.live)) == parsed(c.patch));
  }
}

// Documents of few keys and values, so that they often meet.
class Documents {
 public:
  explicit Documents(std::uint32_t seed) : random_(seed) {}

  Json object(int depth = 3) {
    Json document = Json::object();
    for (const char* key : {"a", "b", "c"}) {
      if (below(2) == 0) document[key] = value(depth);
    }
    return document;
  }

 private:
  Json value(int depth) {
    switch (below(depth > 0 ? 7 : 4)) {
      case 0: return nullptr;
      case 1: return below(2);
      case 2: return Json(below(3), "x");
      case 3: return "text";
      default: return object(depth - 1);
    }
  }
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  std::mt19937 random_;
};

// Every leaf of the patch makes a difference.
bool is_minimal(const Json& patch, const Json& live) {
  return std::all_of(patch.items().begin(), patch.items().end(), [&](const auto& item) {
    const auto found = live.find(item.key());
    if (found == live.end()) return true;
    if (item.value().is_object() && found->is_object())
      return !item.value().empty() && is_minimal(item.value(), *found);
    return *found != item.value();
  });
}

TEST_CASE("patch: once merged by the service nothing is left to patch, and all else is as it was",
          "[config]") {
  for (std::uint32_t seed = 0; seed < 2'000; ++seed) {
    Documents documents{seed};
    const Json live = documents.object();
    const Json desired = documents.object();
    const Json patch = patch_for(desired, live);
    const Json after = merged(live, patch);
    if (after == merged(live, desired) && patch_for(desired, after).empty() && is_minimal(patch, live))
      continue;
    FAIL_CHECK("seed " << seed << ": " << desired << " onto " << live << " by " << patch);
    break;
  }
}

TEST_CASE("dedicated URL: only a text is one", "[config]") {
  CHECK(dedicated_url_of(parsed(R"({"agent":{"dedicated_service_url":"http://x"}})")) == "http://x");
  for (const char* none : {"{}", R"({"agent":null})", R"({"agent":"x"})", R"({"agent":{}})",
                           R"({"agent":{"dedicated_service_url":null}})",
                           R"({"agent":{"dedicated_service_url":["http://x"]}})"}) {
    CHECK(dedicated_url_of(parsed(none)).empty());
  }
  // The service cannot remove a key.
  CHECK(dedicated_url_of(merged(parsed(R"({"agent":{"dedicated_service_url":"x","m":1}})"), withdraw_url()))
            .empty());
}

// What a team has in the service when it goes.
struct Farewell {
  Asked asked;
  Json live;

  Farewell() {
    asked.spec.config = parsed(R"({"tools":{"shell":false,"gone":1},"empty":{},"agent":{"model":"m"}})");
    asked.route(RoutingKind::SlackChannel, {"C1"}).route(RoutingKind::GitHubRepository, {"acme/shop"});
    asked.memory.owned_keys = {"former.key", "routing.team_id", "tools.shell"};
    live = parsed(R"({"routing":{"team_id":"checkout","slack_channel_ids":["C1","C9"],"services":["s"]},
                      "ai_pipeline":{"team_id":"checkout","enabled":true},"former":{"key":1,"other":2},
                      "tools":{"shell":false,"web":true,"gone":null},"empty":{}})");
    live["agent"] = {{"model", "m"}, {"dedicated_service_url", kUrl}};
  }

  Json patch(ConfigPolicy policy, bool keep_runtime = false, const std::string& published = kUrl) {
    asked.spec.deletion = policy;
    return farewell_patch(asked.team(), {"http://another:1", published}, keep_runtime, live);
  }
};

const Json kUrlWithdrawn = parsed(R"({"agent":{"dedicated_service_url":null}})");

TEST_CASE("farewell: Retain takes back the URL alone, and only when its Deployment goes", "[config]") {
  Farewell farewell;
  CHECK(farewell.patch(ConfigPolicy::Retain) == kUrlWithdrawn);
  CHECK(farewell.patch(ConfigPolicy::Retain, true) == Json::object());
}

TEST_CASE("farewell: Withdraw empties the routing lists that are ours and there", "[config]") {
  Farewell farewell;
  Json expected = kUrlWithdrawn;
  expected["routing"]["slack_channel_ids"] = Json::array();
  CHECK(farewell.patch(ConfigPolicy::Withdraw) == expected);
  // Runs are not to be sent there, even if it stays.
  CHECK(farewell.patch(ConfigPolicy::Withdraw, true) == expected);
}

TEST_CASE("farewell: Clear sets to null whatever we ever wrote, and no other key", "[config]") {
  Farewell farewell;
  CHECK(farewell.patch(ConfigPolicy::Clear) ==
        parsed(R"({"routing":{"slack_channel_ids":[],"team_id":null},"ai_pipeline":{"team_id":null},
                   "tools":{"shell":null},"former":{"key":null},"empty":null,
                   "agent":{"model":null,"dedicated_service_url":null}})"));
}

TEST_CASE("farewell: only the URL that we published is withdrawn", "[config]") {
  Farewell farewell;
  const auto touches_url = [](const Json& patch) {
    return patch.contains(Json::json_pointer{"/agent/dedicated_service_url"});
  };
  for (const ConfigPolicy policy : {ConfigPolicy::Retain, ConfigPolicy::Withdraw, ConfigPolicy::Clear}) {
    CHECK(touches_url(farewell.patch(policy)));
    CHECK_FALSE(touches_url(farewell.patch(policy, false, "")));
    CHECK_FALSE(touches_url(farewell.patch(policy, false, "http://another")));
  }
}

TEST_CASE("farewell: once it is merged nothing is left, by any policy", "[config]") {
  Farewell farewell;
  for (const ConfigPolicy policy : {ConfigPolicy::Retain, ConfigPolicy::Withdraw, ConfigPolicy::Clear}) {
    const Json patch = farewell.patch(policy);
    farewell.live = merged(farewell.live, patch);
    CHECK(farewell.patch(policy) == Json::object());
  }
  farewell.live = Json::object();  // a team that was never written
  for (const ConfigPolicy policy : {ConfigPolicy::Retain, ConfigPolicy::Withdraw, ConfigPolicy::Clear})
    CHECK(farewell.patch(policy) == Json::object());
}

TEST_CASE("farewell: a list that the team has released is not emptied, and goes with Clear", "[config]") {
  Farewell farewell;
  farewell.asked.memory.owned_keys = {"routing.services"};
  CHECK_FALSE(farewell.patch(ConfigPolicy::Withdraw).at("routing").contains("services"));
}

TEST_CASE("digest: of the content, and short", "[config]") {
  CHECK(digest_of(parsed(R"({"a":1,"b":[2]})")) == digest_of(parsed(R"({"b":[2],"a":1})")));
  CHECK(digest_of(parsed(R"({"a":1})")) != digest_of(parsed(R"({"a":2})")));
  CHECK(digest_of({}).size() == 32);
}

}  // namespace
}  // namespace tp::provisioner
