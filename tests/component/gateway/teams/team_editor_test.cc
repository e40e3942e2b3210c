#include "gateway/teams/team_editor.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/script_http_client.h"
#include "support/team_objects.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using test::ScriptHttpClient;
using test::TeamObject;

const TeamRef kTeam{"acme", "checkout"};
const std::string kPath = "/teamprovisionings/team-acme-checkout";
const Edit kMode{{"spec", "runtime", "mode"}, "Dedicated"};

// An API server that follows a script, and an editor with a cache that has been listed.
struct Fixture {
  explicit Fixture(const std::vector<TeamObject>& objects = {}) {
    for (const TeamCache::Watch& watch : cache.watches()) {
      watch.collection.begin_replace();
      for (const TeamObject& object : objects) {
        json::Document document;
        REQUIRE(document.parse(object.text()));
        REQUIRE(watch.collection.upsert(document.root()));
      }
      watch.collection.end_replace("10");
    }
  }
  ~Fixture() { CHECK(server.problems().empty()); }

  void answer(int status, const Json& body) {
    server.add({kPath}, {.status = status, .chunks = {body.dump()}});
  }
  Result<TeamResourcePointer> edit(const std::vector<Edit>& edits = {kMode},
                                   TeamEditor::IfMissing if_missing = TeamEditor::IfMissing::Create) {
    return editor.edit({}, kTeam, edits, if_missing);
  }
  Json body(std::size_t request) { return Json::parse(server.requests().at(request).body); }

  SystemClock clock;
  ScriptHttpClient server;
  kube::ApiClient api{server, server, clock};
  TeamCache cache{{}};
  TeamEditor editor{api, cache, "incidentfox"};
};

Json status(const std::string& reason, const Json& causes = Json::array()) {
  return {{"kind", "Status"}, {"reason", reason}, {"message", "said"}, {"details", {{"causes", causes}}}};
}

// A resource on which the gateway has applied a schedule, and argocd an image.
TeamObject managed(const std::string& version = "10") {
  const Json owns_schedule{{"f:spec", {{"f:pipeline", {{"f:schedule", Json::object()}}}}}};
  const Json owns_image{{"f:spec", {{"f:pipeline", {{"f:image", Json::object()}}}}}};
  return {.version = version,
          .spec = {{"pipeline", {{"schedule", "0 2 * * *"}, {"image", "x"}}}},
          .metadata = {
              {"managedFields",
               Json::array(
                   {Json{{"manager", "webhook-gateway"}, {"operation", "Apply"}, {"fieldsV1", owns_schedule}},
                    Json{{"manager", "argocd"}, {"operation", "Apply"}, {"fieldsV1", owns_image}}})}}};
}

TEST_CASE("editor: a team without a resource gets one, where nothing is") {
  Fixture f;
  f.answer(201, TeamObject{.version = "11"}.json());
  const auto made = f.edit();
  REQUIRE(made);
  CHECK((*made)->meta.resource_version == "11");
  CHECK(f.cache.find(kTeam));
  CHECK(f.body(0).at("metadata").at("resourceVersion") == "1");
  CHECK(f.body(0).at("spec") ==
        Json{{"orgId", "acme"}, {"teamNodeId", "checkout"}, {"runtime", {{"mode", "Dedicated"}}}});
  CHECK(f.server.targets().at(0).find("force=false") != std::string::npos);
  CHECK(f.server.targets().at(0).find("fieldManager=webhook-gateway") != std::string::npos);
}

TEST_CASE("editor: where none is to be made there is none") {
  Fixture f;
  CHECK(f.edit({kMode}, TeamEditor::IfMissing::Fail).error().code == ErrorCode::NotFound);
  CHECK(f.server.requests().empty());
}

TEST_CASE("editor: a resource that the watch has not shown yet is edited") {
  Fixture f;
  f.answer(409, status("Conflict"));
  f.answer(200, TeamObject{.version = "11"}.json());  // what has the name
  f.answer(200, TeamObject{.version = "11"}.json());
  f.answer(200, TeamObject{.version = "12"}.json());
  REQUIRE(f.edit());
  CHECK(f.body(3).at("metadata").at("uid") == "uid-1");
}

TEST_CASE("editor: a stranger's resource of that name is left alone") {
  Fixture f;
  f.answer(409, status("Conflict"));
  f.answer(200, TeamObject{.version = "11", .node = "other"}.json());
  CHECK(f.edit().error().code == ErrorCode::AlreadyExists);
  CHECK(f.server.requests().size() == 2);
}

TEST_CASE("editor: an edit keeps what was applied before, and no more than that") {
  Fixture f{{managed()}};
  f.answer(200, managed().json());
  f.answer(200, managed("11").json());
  REQUIRE(f.edit());
  CHECK(f.body(1) ==
        Json{{"apiVersion", "incidentfox.io/v1alpha1"},
             {"kind", "TeamProvisioning"},
             {"metadata",
              {{"name", "team-acme-checkout"},
               {"namespace", "incidentfox"},
               {"uid", "uid-1"},
               {"resourceVersion", "10"}}},
             {"spec", {{"pipeline", {{"schedule", "0 2 * * *"}}}, {"runtime", {{"mode", "Dedicated"}}}}}});
  CHECK(f.cache.find(kTeam)->meta.resource_version == "11");
}

TEST_CASE("editor: another's change in between is read before the next try") {
  Fixture f{{managed()}};
  f.answer(200, managed().json());
  f.answer(409, status("Conflict"));
  f.answer(200, managed("12").json());
  f.answer(200, managed("13").json());
  REQUIRE(f.edit());
  CHECK(f.body(3).at("metadata").at("resourceVersion") == "12");
}

TEST_CASE("editor: a resource that changes all the time is given up") {
  Fixture f{{managed()}};
  for (int i = 0; i < 10; ++i) {
    f.answer(200, managed().json());
    f.answer(409, status("Conflict"));
  }
  CHECK(f.edit().error().code == ErrorCode::Unavailable);
}

TEST_CASE("editor: what another manager owns is not taken, and it is named") {
  Fixture f{{managed()}};
  f.answer(200, managed().json());
  f.answer(409, status("Conflict", Json::array({{{"reason", "FieldManagerConflict"},
                                                 {"field", ".spec.runtime.mode"},
                                                 {"message", "conflict with \"argocd\" using v1"}}})));
  const auto refused = f.edit();
  CHECK(refused.error().code == ErrorCode::Conflict);
  CHECK(refused.error().message == "spec.runtime.mode is owned by argocd: change it there");
  CHECK(f.server.requests().size() == 2);
}

TEST_CASE("editor: to remove what another manager owns too is refused before anything is sent") {
  Fixture f{{managed()}};
  f.answer(200, managed().json());
  const auto refused = f.edit({{{"spec", "pipeline", "image"}, nullptr}});
  CHECK(refused.error().code == ErrorCode::Conflict);
  CHECK(refused.error().message.find("spec.pipeline.image is owned by argocd") != std::string::npos);
  CHECK(f.server.requests().size() == 1);
}

TEST_CASE("editor: our own field is removed") {
  Fixture f{{managed()}};
  f.answer(200, managed().json());
  f.answer(200, managed("11").json());
  REQUIRE(f.edit({{{"spec", "pipeline", "schedule"}, nullptr}}));
  CHECK_FALSE(f.body(1).contains("spec"));
}

TEST_CASE("editor: what is being deleted is not edited") {
  TeamObject leaving = managed();
  leaving.metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  SECTION("it says so") {
    Fixture f{{managed()}};
    f.answer(200, leaving.json());
    CHECK(f.edit().error().code == ErrorCode::FailedPrecondition);
  }
  SECTION("it is gone") {
    Fixture f{{managed()}};
    f.answer(404, status("NotFound"));
    CHECK(f.edit().error().code == ErrorCode::FailedPrecondition);
    CHECK(f.cache.find(kTeam)->meta.deleting);
  }
  SECTION("another one has the name") {
    Fixture f{{managed()}};
    TeamObject other = managed();
    other.uid = "uid-2";
    f.answer(200, other.json());
    CHECK(f.edit().error().code == ErrorCode::FailedPrecondition);
  }
}

TEST_CASE("editor: what the server refuses is refused") {
  Fixture f{{managed()}};
  f.answer(200, managed().json());
  f.answer(422, status("Invalid"));
  CHECK(f.edit().error().code == ErrorCode::InvalidArgument);
}

TEST_CASE("editor: a removal is of that very resource") {
  Fixture f{{managed()}};
  const auto resource = f.cache.find(kTeam);
  f.answer(200, status("Success"));
  REQUIRE(f.editor.remove({}, *resource));
  CHECK(f.body(0).at("preconditions").at("uid") == "uid-1");
  CHECK(f.cache.find(kTeam)->meta.deleting);
  f.answer(404, status("NotFound"));
  CHECK(f.editor.remove({}, *resource));
  f.answer(409, status("Conflict"));
  CHECK(f.editor.remove({}, *resource));
  f.answer(403, status("Forbidden"));
  CHECK_FALSE(f.editor.remove({}, *resource));
}

}  // namespace
}  // namespace tp::gateway
