#include "gateway/sources/registry.h"

#include "given.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

TEST_CASE("every source is listed once, in the order of its kind", "[sources][registry]") {
  REQUIRE(sources().size() == kSourceNames.size());
  for (std::size_t i = 0; i < sources().size(); ++i) {
    CHECK(sources()[i].kind == static_cast<SourceKind>(i));
    CHECK(&source_of(static_cast<SourceKind>(i)) == &sources()[i]);
    CHECK(sources()[i].path.starts_with("/webhooks/"));
    CHECK((sources()[i].scheme == nullptr) == (sources()[i].kind == SourceKind::Generic));
  }
  CHECK(source_of(SourceKind::GitHub).body_bytes == std::size_t{25} * 1024 * 1024);
  CHECK(source_of(SourceKind::Slack).body_bytes == std::size_t{1} * 1024 * 1024);
}

TEST_CASE("refusals in the words of the former service", "[sources][registry]") {
  for (const SourceKind kind : {SourceKind::GitHub, SourceKind::PagerDuty, SourceKind::IncidentIo,
                                SourceKind::Circleback, SourceKind::Generic, SourceKind::Probe}) {
    const auto refuse = source_of(kind).refuse;
    CHECK(refuse(401, "bad_signature").status == 401);
    CHECK(json::parse(refuse(401, "bad_signature").body) ==
          json{{"detail", "signature_verification_failed: bad_signature"}});
    CHECK(json::parse(refuse(400, "invalid_json: x").body) == json{{"detail", "invalid_json: x"}});
    CHECK_FALSE(refuse(400, "x").headers.find("retry-after").has_value());
    CHECK(refuse(503, "inbox_unavailable").headers.find("retry-after") == "5");
    CHECK(refuse(429, "slow_down").headers.find("retry-after") == "5");
  }
}

TEST_CASE("a Circleback meeting is kept and starts nothing", "[sources][circleback]") {
  const Given circleback{source_of(SourceKind::Circleback)};
  const std::string body = fixture("circleback/meeting");
  CHECK(circleback.admit(body)->answer.status == 200);
  CHECK(circleback.event(body).provider_id == "2468135");
  CHECK(circleback.event(R"({"id":"m-1"})").provider_id == "m-1");
  CHECK(circleback.event(R"({"name":"no id"})").provider_id.empty());
  CHECK(circleback.ignored(body) == "stored_only");
  CHECK_FALSE(circleback.refusal(R"({"id":1,"id":2})").empty());
}

TEST_CASE("a probe goes as far as the policy says, whatever is in it", "[sources][probe]") {
  Given given{source_of(SourceKind::Probe), {{"webhook-id", "probe_1"}}};
  const std::string body = R"({"agent":"planner","org":"umbrella"})";
  const NewEvent event = given.event(body);
  CHECK(event.provider_id == "probe_1");
  CHECK(event.kind == "probe");
  CHECK(event.dedupe_for == std::chrono::hours{24});
  CHECK(given.admit(body)->answer.status == 202);

  Probe probe = given.becomes<Probe>(body);
  CHECK((probe.org_id.empty() && probe.team_node_id.empty() && !probe.run));
  given.policy.probe.team = {"acme", "sre"};
  probe = given.becomes<Probe>(body);
  CHECK((probe.org_id == "acme" && probe.team_node_id == "sre" && !probe.run));
  given.policy.probe.agent_name = "noop";
  probe = given.becomes<Probe>(body);
  REQUIRE(probe.run);
  CHECK(probe.run->agent_name == "noop");
  CHECK(probe.run->trigger_source == "probe");
}

TEST_CASE("no source lets a malformed body in", "[sources][registry]") {
  const Endpoint endpoint{.name = "any", .message = "/message"};
  for (const Source& source : sources()) {
    Given given{source,
                {{"Content-Type", "application/json"},
                 {"X-GitHub-Event", "push"},
                 {"X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"}}};
    given.endpoint = &endpoint;
    INFO(to_string(source.kind));
    const std::string before = source.kind == SourceKind::SlackInteractions ? "payload=" : "";
    for (const std::string& body :
         {std::string{}, std::string{"{"}, std::string{"null"}, std::string{"{\"a\":\"\xFF\"}"},
          std::string{R"({"a":"\u0000"})"}, std::string(400'000, '[')})
      CHECK(given.refusal(before + body).starts_with("invalid_"));
  }
}

}  // namespace
}  // namespace tp::gateway
