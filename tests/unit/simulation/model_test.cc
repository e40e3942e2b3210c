#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

#include "domain/team_provisioning.h"
#include "json/document.h"
#include "kube/client/api_client.h"
#include "kube/core/fingerprint.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/model/api_server.h"
#include "support/model/config_service.h"
#include "support/model/managed_fields.h"
#include "support/model/pipeline.h"
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

const kube::ObjectKey kAgent{"golden", "agent"};

struct Cluster {
  FakeClock clock;
  Calls calls{clock};
  ModelApiServer server{calls};

  // What the server answers to an apply of team-operator.
  http::Response apply(Json body, const std::string& manager = "team-operator", bool force = true) {
    return send(kube::apply_request(kube::kDeployments, kAgent, body.dump(),
                                    {.field_manager = manager, .force = force}));
  }

  http::Response send(const http::Request& request) {
    auto response = server.send({}, request);
    REQUIRE(response);
    return *std::move(response);
  }

  [[nodiscard]] Json agent() const { return server.find(kube::kDeployments, kAgent); }

  [[nodiscard]] std::optional<kube::Fingerprint> owned() const {
    json::Document document;
    REQUIRE(document.parse(agent().dump()));
    return kube::owned_fingerprint(document.root(), "team-operator");
  }
};

Json deployment() {
  Json body = golden("owned/deployment.applied");
  body["metadata"].erase("finalizers");
  return body;
}

Json expecting(Json body, const char* member, const std::string& value) {
  body["metadata"][member] = value;
  return body;
}

// Status and reason are those that a real server gave.
void must_refuse_as(const http::Response& response, const std::string& recorded) {
  const Json theirs = golden("status/" + recorded);
  CAPTURE(recorded, response.body);
  CHECK(response.status == theirs.at("status"));
  CHECK(Json::parse(response.body).at("reason") == theirs.at("body").at("reason"));
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

TEST_CASE("model: writes are refused as a real server refuses them", "[simulation]") {
  Cluster cluster;
  must_refuse_as(cluster.apply(expecting(deployment(), "uid", "another")), "apply-gone");
  must_refuse_as(cluster.send(kube::get_request(kube::kDeployments, kAgent)), "not-found");
  CHECK(cluster.apply(expecting(deployment(), "resourceVersion", "1")).status == 201);
  must_refuse_as(cluster.apply(expecting(deployment(), "resourceVersion", "1")), "apply-create-exists");
  must_refuse_as(cluster.apply(expecting(deployment(), "uid", "another")), "apply-wrong-uid");
  must_refuse_as(cluster.send(kube::delete_request(kube::kDeployments, kAgent, "another",
                                                   kube::Propagation::Background)),
                 "delete-wrong-uid");
  const Json patch = Json::array({{{"op", "test"}, {"path", "/metadata/uid"}, {"value", "another"}}});
  must_refuse_as(cluster.send(kube::json_patch_request(kube::kDeployments, kAgent, patch.dump(), "us")),
                 "patch-test-failed");

  const Json theirs{{"apiVersion", "apps/v1"},
                    {"kind", "Deployment"},
                    {"metadata", Json::object()},
                    {"spec", {{"replicas", 5}}}};
  const http::Response conflict = cluster.apply(theirs, "somebody", false);
  must_refuse_as(conflict, "field-manager-conflict");
  CHECK(Json::parse(conflict.body).at("message") ==
        golden("status/field-manager-conflict").at("body").at("message"));
  CHECK(cluster.agent().at("spec").at("replicas") == 2);

  cluster.server.terminate_namespace("golden");
  cluster.server.remove(kube::kDeployments, kAgent);
  must_refuse_as(cluster.apply(deployment()), "namespace-terminating");
}

TEST_CASE("model: fields are shared, taken over and dropped as by their owners", "[simulation]") {
  Cluster cluster;
  CHECK(cluster.apply(deployment()).status == 201);
  const auto desired = kube::fingerprint_of(deployment());
  CHECK(cluster.owned() == desired);
  const std::string version = cluster.agent().at("metadata").at("resourceVersion");

  CHECK(cluster.apply(deployment()).status == 200);
  CHECK(cluster.agent().at("metadata").at("resourceVersion") == version);

  Json theirs{{"apiVersion", "apps/v1"},
              {"kind", "Deployment"},
              {"metadata", Json::object()},
              {"spec", {{"replicas", 2}, {"minReadySeconds", 3}}}};
  CHECK(cluster.apply(theirs, "somebody").status == 200);
  CHECK(cluster.owned() == desired);

  Json less = deployment();
  less["spec"].erase("replicas");
  less["spec"].erase("revisionHistoryLimit");
  less["metadata"]["annotations"].clear();
  CHECK(cluster.apply(less).status == 200);
  CHECK(cluster.agent().at("spec").at("replicas") == 2);  // theirs, too
  CHECK_FALSE(cluster.agent().at("spec").contains("revisionHistoryLimit"));
  CHECK_FALSE(cluster.agent().at("metadata").contains("annotations"));

  theirs["spec"]["progressDeadlineSeconds"] = 7;
  CHECK(cluster.apply(theirs, "somebody").status == 200);
  CHECK(cluster.owned() != kube::fingerprint_of(less));
  CHECK(cluster.agent().at("metadata").at("generation") == 4);

  cluster.server.edit(kube::kDeployments, kAgent, {{"spec", {{"replicas", 9}}}});
  CHECK_FALSE(entry_of(cluster.agent(), "somebody").at("f:spec").contains("f:replicas"));
}

TEST_CASE("model: what has finalizers waits, and children follow their owners", "[simulation]") {
  Cluster cluster;
  Json held = deployment();
  held["metadata"]["finalizers"] = {"incidentfox.io/a"};
  CHECK(cluster.apply(held).status == 201);
  Json child = golden("owned/service.applied");
  child["metadata"]["ownerReferences"][0]["uid"] = cluster.agent().at("metadata").at("uid");
  cluster.server.apply(kube::kServices, child, "somebody");

  cluster.server.remove(kube::kDeployments, kAgent);
  CHECK(cluster.agent().at("metadata").contains("deletionTimestamp"));
  CHECK_FALSE(cluster.server.collect_garbage());
  CHECK(cluster.apply(deployment()).status == 200);  // without it
  CHECK(cluster.agent().is_null());
  CHECK(cluster.server.collect_garbage());
  CHECK(cluster.server.list(kube::kServices).empty());
}

// ---- the services

struct Platform {
  FakeClock clock;
  Calls calls{clock};
  ModelConfigService config{calls};
  ModelPipeline pipeline{calls};

  http::Response send(http::Method method, const std::string& target, const Json& body = {}) {
    auto response =
        config.send({}, {method, "/api/v1/admin/orgs/acme" + target, {}, body.is_null() ? "" : body.dump()});
    REQUIRE(response);
    return *std::move(response);
  }

  void always(const Fault& fault) {
    calls.inject([](std::size_t, const Call& call) { return call.writes(); }, fault);
  }
};

TEST_CASE("model: the Config Service answers before it commits", "[simulation]") {
  Platform platform;
  const Json node{{"node_id", "checkout"}, {"node_type", "team"}};
  platform.always({.commit = Fault::Commit::Late, .commit_delay = std::chrono::seconds{3}});
  CHECK(platform.send(http::Method::Post, "/nodes", node).status == 200);
  CHECK(platform.send(http::Method::Get, "/nodes/checkout").status == 404);
  CHECK(platform.send(http::Method::Post, "/nodes", node).status == 500);
  CHECK(platform.send(http::Method::Put, "/nodes/checkout/config", {{"patch", Json::object()}}).status ==
        400);
  CHECK(platform.send(http::Method::Post, "/teams/checkout/tokens").status == 500);
  platform.clock.advance(std::chrono::seconds{3});
  CHECK(platform.send(http::Method::Get, "/nodes/checkout").status == 200);
  CHECK(platform.send(http::Method::Post, "/nodes", node).status == 400);

  CHECK(platform.send(http::Method::Post, "/teams/checkout/tokens").status == 200);
  CHECK(platform.send(http::Method::Get, "/teams/checkout/tokens").body == "[]");
  platform.clock.advance(std::chrono::seconds{3});
  const Json listed = Json::parse(platform.send(http::Method::Get, "/teams/checkout/tokens").body);
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].at("issued_by") == "team-operator");

  platform.calls.heal();
  platform.always({.commit = Fault::Commit::Never});
  const std::string revoke =
      "/teams/checkout/tokens/" + listed[0].at("token_id").get<std::string>() + "/revoke";
  CHECK(platform.send(http::Method::Post, revoke).status == 200);
  CHECK(platform.config.live_tokens("acme", "checkout").size() == 1);
}

TEST_CASE("model: the Config Service merges, loses updates and forgets nothing", "[simulation]") {
  Platform platform;
  platform.config.add_node("acme", "checkout", {{"a", {{"b", 1}, {"c", 2}}}});
  const Json patch{{"patch", {{"a", {{"b", nullptr}}}, {"routing", {{"services", Json::array({1})}}}}}};
  CHECK(platform.send(http::Method::Put, "/nodes/checkout/config", patch).status == 200);
  CHECK(platform.config.node("acme", "checkout")->config.at("a") == Json{{"b", nullptr}, {"c", 2}});
  CHECK(platform.config.violations().size() == 1);
  CHECK(platform.send(http::Method::Put, "/nodes/checkout/config", patch).status == 200);
  CHECK(platform.config.idle_writes() == 1);
  platform.always({.lose_update = true});
  CHECK(platform.send(http::Method::Put, "/nodes/checkout/config", {{"patch", {{"a", 7}}}}).status == 200);
  CHECK(platform.config.node("acme", "checkout")->config.at("a") != 7);
}

TEST_CASE("model: an operator that died reaches nobody", "[simulation]") {
  for (const bool after : {false, true}) {
    CAPTURE(after);
    Platform platform;
    platform.config.add_node("acme", "checkout");
    platform.calls.crash_at(1, after);
    const http::Request issue{http::Method::Post, "/api/v1/admin/orgs/acme/teams/checkout/tokens"};
    CHECK(platform.config.send({}, issue));
    for (int i = 0; i < 2; ++i) {
      const auto dead = platform.config.send({}, issue);
      REQUIRE_FALSE(dead);
      CHECK(dead.error().code == ErrorCode::Cancelled);
    }
    CHECK(platform.config.live_tokens("acme", "checkout").size() == (after ? 2 : 1));
    platform.calls.revive();
    CHECK(platform.config.send({}, issue));
  }
}

TEST_CASE("model: the pipeline starts one bootstrap for a key", "[simulation]") {
  Platform platform;
  http::Request request{
      http::Method::Post, "/api/v1/teams/checkout/bootstrap", {{"Idempotency-Key", "k"}}, "{}"};
  const auto first = platform.pipeline.send({}, request);
  const auto second = platform.pipeline.send({}, request);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->body == second->body);
  request.body = R"({"seed":"Empty"})";
  CHECK(platform.pipeline.send({}, request)->status == 409);
  CHECK(platform.pipeline.bootstraps().size() == 1);
}

}  // namespace
}  // namespace tp::test
