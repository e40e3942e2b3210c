#include "gateway/teams/team_cache.h"

#include "support/catch.h"
#include "support/team_objects.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using test::TeamObject;

void list(TeamCache& cache, const std::vector<TeamObject>& objects, const std::string& version = "100") {
  for (const TeamCache::Watch& watch : cache.watches()) {
    watch.collection.begin_replace();
    for (const TeamObject& object : objects) {
      json::Document document;
      REQUIRE(document.parse(object.text()));
      REQUIRE(watch.collection.upsert(document.root()));
    }
    watch.collection.end_replace(version);
  }
}

Json channels(const std::vector<std::string>& ids) { return {{"routing", {{"slackChannelIds", ids}}}}; }

TEST_CASE("team cache: the oldest resource is the team's, whatever it is called") {
  TeamCache cache{{}};
  CHECK_FALSE(cache.synced());
  list(cache, {{.name = "new", .uid = "2", .created = "2026-01-02T00:00:00Z"},
               {.name = "old", .uid = "1", .created = "2026-01-01T00:00:00Z"},
               {.name = "other", .uid = "3", .node = "payments"}});
  CHECK(cache.synced());
  REQUIRE(cache.find({"acme", "checkout"}));
  CHECK(cache.find({"acme", "checkout"})->meta.key.name == "old");
  CHECK_FALSE(cache.find({"acm", "echeckout"}));
  CHECK(cache.all().size() == 2);
  CHECK(cache.get({"incidentfox", "new"}, "2"));
  CHECK_FALSE(cache.get({"incidentfox", "new"}, "1"));
}

TEST_CASE("team cache: who has a channel") {
  TeamCache cache{{}};
  list(cache, {{.name = "a", .uid = "1", .spec = channels({"C1", "C2"})},
               {.name = "b", .uid = "2", .node = "payments", .spec = channels({"C2"})},
               {.name = "c",
                .uid = "3",
                .node = "gone",
                .spec = channels({"C3"}),
                .metadata = {{"deletionTimestamp", "2026-01-03T00:00:00Z"}}}});
  REQUIRE(cache.channel_owner("C2", {"acme", "payments"}));
  CHECK(cache.channel_owner("C2", {"acme", "payments"})->spec.team_node_id == "checkout");
  CHECK(cache.channel_owner("C2", {"acme", "new"})->spec.team_node_id == "checkout");
  CHECK_FALSE(cache.channel_owner("C1", {"acme", "checkout"}));
  CHECK_FALSE(cache.channel_owner("c1", {"acme", "new"}));
  CHECK_FALSE(cache.channel_owner("C3", {"acme", "new"}));
}

TEST_CASE("team cache: our own writes are seen at once") {
  TeamCache cache{{}};
  list(cache, {});
  const auto written = cache.observe_write(TeamObject{.version = "101"}.text());
  REQUIRE(written);
  CHECK((*written)->meta.key.name == "team-acme-checkout");
  REQUIRE(cache.find({"acme", "checkout"}));
  cache.observe_delete(**written);
  CHECK(cache.find({"acme", "checkout"})->meta.deleting);
}

TEST_CASE("team cache: every listing is told") {
  TeamCache cache{{"a", "b"}};
  int listed = 0;
  cache.on_listed([&] { ++listed; });
  auto watches = cache.watches();
  REQUIRE(watches.size() == 2);
  watches[0].collection.begin_replace();
  watches[0].collection.end_replace("1");
  CHECK_FALSE(cache.synced());
  watches[1].collection.begin_replace();
  watches[1].collection.end_replace("1");
  CHECK(cache.synced());
  CHECK(listed == 2);
}

}  // namespace
}  // namespace tp::gateway
