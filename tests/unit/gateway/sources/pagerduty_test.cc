#include "given.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

Given pagerduty() { return {source_of(SourceKind::PagerDuty)}; }

TEST_CASE("a PagerDuty event is stored under its id, in its incident's order", "[sources][pagerduty]") {
  const std::string body = fixture("pagerduty/incident_triggered");
  CHECK(pagerduty().admit(body)->answer.status == 202);
  CHECK(json::parse(pagerduty().admit(body)->answer.body) == json{{"ok", true}});
  const NewEvent event = pagerduty().event(body);
  CHECK(event.kind == "incident.triggered");
  CHECK(event.provider_id == "01EVENT0TRIGGERED0000000AB");
  CHECK(event.order_key == "pagerduty:Q0INCIDENT1");
  CHECK(event.body == body);
  // A note is about the incident that it names.
  CHECK(pagerduty().event(fixture("pagerduty/incident_annotated")).order_key == event.order_key);
  CHECK(pagerduty().event(fixture("pagerduty/pagey_ping")).order_key.empty());
}

TEST_CASE("a triggered incident asks for a run", "[sources][pagerduty]") {
  const std::string body = fixture("pagerduty/incident_triggered");
  const RunRequest run = pagerduty().run(body);
  CHECK(run.identifiers == std::vector<Identifier>{{"pagerduty_service_id", "PCHECKOUT"}});
  CHECK(run.trigger_source == "pagerduty");
  CHECK(run.message == "PagerDuty incident.triggered: Checkout answers 5xx (urgency: high)");
  CHECK(run.incident_id == "Q0INCIDENT1");
  CHECK(run.context == json{{"metadata",
                             {{"trigger", "pagerduty"},
                              {"pagerduty",
                               {{"event_type", "incident.triggered"},
                                {"service_id", "PCHECKOUT"},
                                {"incident_data", json::parse(body)["event"]["data"]}}}}}});
}

TEST_CASE("PagerDuty events that the policy does not list start nothing", "[sources][pagerduty]") {
  // The agent's own notes come back as incident.annotated.
  CHECK(pagerduty().ignored(fixture("pagerduty/incident_annotated")) == "event_type");
  CHECK(pagerduty().ignored(fixture("pagerduty/pagey_ping")) == "event_type");
  CHECK(pagerduty().ignored("{}") == "event_type");
  CHECK(pagerduty().event("{}").kind == "unknown");
  Given wider = pagerduty();
  wider.policy.pagerduty.events.insert("incident.annotated");
  const RunRequest run = wider.run(fixture("pagerduty/incident_annotated"));
  CHECK(run.identifiers.empty());  // a note has no service: the secret's scope routes it
  CHECK(run.incident_id == "Q0INCIDENT1");
}

TEST_CASE("the former list of messages is one event each", "[sources][pagerduty]") {
  const auto admission = pagerduty().admit(fixture("pagerduty/former_messages"));
  REQUIRE(admission.has_value());
  CHECK(admission->answer.status == 202);
  REQUIRE(admission->events.size() == 2);
  const NewEvent& first = admission->events[0];
  const NewEvent& second = admission->events[1];
  CHECK(first.provider_id == "bb8b8fe0-e8d5-11e2-9c1e-22000afd16cf");
  CHECK(first.kind == "incident.triggered");
  CHECK(first.order_key == "pagerduty:Q0INCIDENT1");
  CHECK(second.provider_id == "8a1d6420-e9c4-11e2-b33e-f23c91699516");
  CHECK(second.kind == "incident.resolved");
  CHECK(first.digest != second.digest);
  const auto asks = pagerduty().interpret(first);
  REQUIRE(asks.has_value());
  REQUIRE(std::holds_alternative<RunRequest>(*asks));
  CHECK(std::get<RunRequest>(*asks).context ==
        pagerduty().run(fixture("pagerduty/incident_triggered")).context);

  // The same message in another list is the same.
  auto body = json::parse(fixture("pagerduty/former_messages"));
  std::swap(body["messages"][0], body["messages"][1]);
  CHECK(pagerduty().admit(body.dump())->events[1].digest == first.digest);
}

TEST_CASE("odd PagerDuty bodies", "[sources][pagerduty]") {
  CHECK(pagerduty().admit(R"({"messages":[]})")->events.empty());
  CHECK(pagerduty().event(R"({"messages":[{"event":"incident.trigger","id":"m1"}]})").kind ==
        "incident.trigger");
  CHECK(pagerduty().refusal(R"({"messages":[1]})") == "a message that is not an object");
  CHECK_FALSE(pagerduty().refusal(R"({"event":{"id":"a","id":"b"}})").empty());
  CHECK_FALSE(pagerduty().refusal(R"({"messages":[{"event":{"id":"a"},"event":{"id":"b"}}]})").empty());
  json many{{"messages", json::array()}};
  for (int i = 0; i < 101; ++i) many["messages"].push_back(json::object());
  CHECK_FALSE(pagerduty().refusal(many.dump()).empty());
  const NewEvent bare = pagerduty().event(R"({"event":{"event_type":"incident.triggered"}})");
  CHECK_FALSE(pagerduty().interpret(bare).has_value());
}

}  // namespace
}  // namespace tp::gateway
