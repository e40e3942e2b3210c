#include "gateway/sources/generic.h"

#include "given.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

Endpoint deploys() {
  return {.name = "deploys",
          .scope = {"acme", ""},
          .standard_webhooks = false,
          .message = "/data/summary",
          .dedupe_id = "/id",
          .context = "/data/details",
          .event_type = "/type",
          .agent_name = "deploy-doctor",
          .identifiers = {{"service", "/data/service"},
                          {"team", "/data/labels/0/team~1name"},
                          {"coralogix_team_name", "/data/absent"}}};
}
// `endpoint` must outlive it.
Given generic(const Endpoint& endpoint, http::Headers headers = {}) {
  Given given{source_of(SourceKind::Generic), std::move(headers)};
  given.policy.endpoints = {endpoint};
  given.endpoint = &endpoint;
  return given;
}

TEST_CASE("a generic event is read through the endpoint's pointers", "[sources][generic]") {
  const Endpoint endpoint = deploys();
  const std::string body = fixture("generic/deploy_failed");
  CHECK(generic(endpoint).admit(body)->answer.status == 202);
  const NewEvent event = generic(endpoint).event(body);
  CHECK(event.kind == "deploy.failed");
  CHECK(event.provider_id == "deploy-8841");
  CHECK(event.dedupe_for == std::chrono::hours{24 * 90});

  const RunRequest run = generic(endpoint).run(body);
  CHECK(run.identifiers == std::vector<Identifier>{{"service", "checkout"}, {"team", "payments"}});
  CHECK(run.trigger_source == "generic");
  CHECK(run.agent_name == "deploy-doctor");
  CHECK(run.message == "Deploy 8841 of checkout failed: readiness probe");
  CHECK(run.context == Json{{"cluster", "prod-eu"}, {"revision", "c3d0be4"}});
}

TEST_CASE("where a generic event's id comes from", "[sources][generic]") {
  Endpoint endpoint = deploys();
  const std::string body = fixture("generic/deploy_failed");
  endpoint.dedupe_id = "/data/build";
  CHECK(generic(endpoint).event(body).provider_id == "8841");
  endpoint.dedupe_id = "/data/absent";
  const NewEvent unnamed = generic(endpoint, {{"webhook-id", "msg_1"}}).event(body);
  CHECK(unnamed.provider_id.empty());  // with X-Signature that header is not signed
  CHECK(unnamed.dedupe_for == std::chrono::hours{24});

  endpoint.standard_webhooks = true;
  const NewEvent named = generic(endpoint, {{"webhook-id", "msg_1"}}).event(body);
  CHECK(named.provider_id == "msg_1");
  CHECK(named.digest != unnamed.digest);
  CHECK(generic(endpoint, {{"webhook-id", "msg_2"}}).event(body).digest != named.digest);
  endpoint.dedupe_id = "/id";
  CHECK(generic(endpoint, {{"webhook-id", "msg_1"}}).event(body).provider_id == "deploy-8841");
  endpoint.event_type.clear();
  CHECK(generic(endpoint).event(body).kind == "event");
}

TEST_CASE("a generic event without its message is an error", "[sources][generic]") {
  const Endpoint endpoint = deploys();
  for (const Json& summary : {Json{}, Json(7), Json(""), Json::array()}) {
    const std::string body = changed("generic/deploy_failed", {{"data", {{"summary", summary}}}});
    const auto asks = generic(endpoint).interpret(generic(endpoint).event(body));
    REQUIRE_FALSE(asks.has_value());
    CHECK(asks.error().code == ErrorCode::InvalidArgument);
  }
  // A context that is no object is left out.
  CHECK(generic(endpoint).run(changed("generic/deploy_failed", {{"data", {{"details", "none"}}}})).context ==
        Json::object());
}

TEST_CASE("endpoints that start no run", "[sources][generic]") {
  Endpoint endpoint = deploys();
  const std::string body = fixture("generic/deploy_failed");
  Given gone = generic(endpoint);
  gone.policy.endpoints.clear();
  CHECK_FALSE(gone.interpret(gone.event(body)).has_value());
  CHECK(generic(endpoint).event(fixture("generic/deploy_failed")).lane == Lane::Normal);
  endpoint.kind = EndpointKind::Provisioning;
  CHECK(generic(endpoint).event(fixture("generic/deploy_failed")).lane == Lane::Provisioning);
  CHECK(generic(endpoint).ignored(body) == "provisioning");
}

TEST_CASE("duplicate members on a pointer's way are refused", "[sources][generic]") {
  const Endpoint endpoint = deploys();
  CHECK_FALSE(generic(endpoint).refusal(R"({"id":"a","id":"b"})").empty());
  CHECK_FALSE(generic(endpoint).refusal(R"({"type":"a","type":"b"})").empty());
  const NewEvent twice = generic(endpoint).event(R"({"data":{"summary":"x","service":"a","service":"b"}})");
  CHECK_FALSE(generic(endpoint).interpret(twice).has_value());
}

TEST_CASE("JSON pointers", "[sources][generic]") {
  // The document of RFC 6901, section 5, and some arrays.
  json::Document document;
  REQUIRE(
      document.parse(R"({"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"m~n":8," ":7,"~1":9,"deep":[[1,[2]]]})"));
  const auto at = [&](std::string_view pointer) {
    const auto found = at_pointer(document.root(), pointer);
    REQUIRE(found.has_value());
    return *found ? found->to_json().dump() : std::string{"missing"};
  };
  CHECK(at("/foo/0") == "\"bar\"");
  CHECK(at("/foo") == R"(["bar","baz"])");
  CHECK(at("/") == "0");
  CHECK(at("/a~1b") == "1");
  CHECK(at("/c%d") == "2");
  CHECK(at("/m~0n") == "8");
  CHECK(at("/ ") == "7");
  CHECK(at("/~01") == "9");
  CHECK(at("/deep/0/1/0") == "2");
  CHECK(at("").starts_with("{"));
  for (const std::string_view missing : {"/foo/2", "/foo/00", "/foo/01", "/foo/-", "/foo/-1", "/foo/",
                                         "/foo/0/x", "/x", "/x/y", "/foo/18446744073709551616", "//"}) {
    INFO(missing);
    CHECK(at(missing) == "missing");
  }
}

}  // namespace
}  // namespace tp::gateway
