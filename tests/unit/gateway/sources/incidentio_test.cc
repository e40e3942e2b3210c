#include "given.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

Given incidentio(const std::string& id = "msg_2f1") {
  return {source_of(SourceKind::IncidentIo), {{"webhook-id", id}, {"webhook-timestamp", "1763800000"}}};
}

TEST_CASE("an incident.io event is stored under its webhook-id", "[sources][incidentio]") {
  const std::string body = fixture("incidentio/alert_created");
  CHECK(incidentio().admit(body)->answer.status == 200);
  CHECK(json::parse(incidentio().admit(body)->answer.body) == json{{"ok", true}});
  const NewEvent event = incidentio().event(body);
  CHECK(event.kind == "public_alert.alert_created_v1");
  CHECK(event.provider_id == "msg_2f1");
  CHECK(event.body == body);
  // Another attempt has another timestamp, another event another id.
  Given again = incidentio();
  again.headers.set("webhook-timestamp", "1763800300");
  CHECK(again.event(body).digest == event.digest);
  CHECK(incidentio("msg_2f2").event(body).digest != event.digest);
  Given branded{source_of(SourceKind::IncidentIo), {{"svix-id", "msg_2f1"}}};
  CHECK(branded.event(body).provider_id == "msg_2f1");
}

TEST_CASE("an alert is routed by its source, then by its team", "[sources][incidentio]") {
  const std::string body = fixture("incidentio/alert_created");
  const RunRequest run = incidentio().run(body);
  CHECK(run.identifiers ==
        std::vector<Identifier>{{"incidentio_alert_source_id", "01HSOURCE00000000000000001"},
                                {"incidentio_team_id", "01HTEAMPAYMENTS0000000001"}});
  CHECK(run.trigger_source == "incidentio");
  CHECK(run.message ==
        "Incident.io public_alert.alert_created_v1: Error rate of checkout above 5 % (status: firing, "
        "priority: unknown)");
  CHECK(run.context == json{{"metadata",
                             {{"trigger", "incidentio"},
                              {"incidentio",
                               {{"event_type", "public_alert.alert_created_v1"},
                                {"incident", json::parse(body)["public_alert.alert_created_v1"]}}}}}});
  CHECK_FALSE(run.incident_id.has_value());
}

TEST_CASE("the team of an array attribute is its first entry", "[sources][incidentio]") {
  auto body = json::parse(fixture("incidentio/alert_created"));
  json& team = body["public_alert.alert_created_v1"]["attributes"][1];
  team["array_value"] = json::array({{{"literal", "x"}}, {{"catalog_entry", {{"id", "01HFIRST"}}}}});
  team.erase("value");
  CHECK(incidentio().run(body.dump()).identifiers.back() == Identifier{"incidentio_team_id", "01HFIRST"});
  Given other = incidentio();
  other.policy.incidentio.team_attribute = "Squad";
  CHECK(other.run(body.dump()).identifiers.size() == 1);
}

TEST_CASE("an incident is routed by the team among its custom fields", "[sources][incidentio]") {
  const RunRequest run = incidentio().run(fixture("incidentio/incident_created"));
  CHECK(run.identifiers == std::vector<Identifier>{{"incidentio_team_id", "01HTEAMPAYMENTS0000000001"}});
  CHECK(run.message ==
        "Incident.io public_incident.incident_created_v2: [Major] Checkout answers 5xx (status: "
        "Investigating)");
  CHECK(run.incident_id == "01HINCIDENT0000000000000001");
}

TEST_CASE("private events carry an id and nothing else", "[sources][incidentio]") {
  const RunRequest run = incidentio().run(fixture("incidentio/private_incident_created"));
  CHECK(run.identifiers.empty());
  CHECK(run.incident_id == "01HINCIDENT0000000000000002");
  CHECK(run.message.find("01HINCIDENT0000000000000002") != std::string::npos);
}

TEST_CASE("the former shape is read", "[sources][incidentio]") {
  const RunRequest run = incidentio().run(fixture("incidentio/former_incident"));
  CHECK(run.identifiers.empty());  // never the incident's own id
  CHECK(run.message == "Incident.io public_incident.incident_created_v2: [Minor] Old shape (status: triage)");
  CHECK(run.incident_id == "01HINCIDENT0000000000000003");
  CHECK(
      incidentio()
          .run(R"({"event_type":"public_alert.alert_created_v1","alert":{"alert_source_id":"S","title":"t",)"
               R"("status":"firing","priority":"high"}})")
          .message == "Incident.io public_alert.alert_created_v1: t (status: firing, priority: high)");
}

TEST_CASE("the version of an event's type does not matter", "[sources][incidentio]") {
  const auto typed = [](const std::string& type) {
    return json{{"event_type", type}, {type, {{"id", "1"}, {"alert_source_id", "S"}}}}.dump();
  };
  for (const char* const type :
       {"public_alert.alert_created", "public_alert.alert_created_v1", "public_alert.alert_created_v23"})
    CHECK(incidentio().run(typed(type)).identifiers.size() == 1);
  for (const char* const type :
       {"public_alert.alert_created_v", "public_alert.alert_created_vx1", "public_alert.alert_created1",
        "public_alert.alert_resolved_v1", "", "1", "_v1"})
    CHECK(incidentio().ignored(typed(type)) == "event_type");
  CHECK(incidentio().ignored(fixture("incidentio/follow_up_created")) == "event_type");
}

TEST_CASE("odd incident.io bodies", "[sources][incidentio]") {
  CHECK(incidentio().event("{}").kind == "unknown");
  CHECK(incidentio().ignored("{}") == "event_type");
  CHECK(incidentio().ignored(R"({"event_type":7})") == "event_type");
  const NewEvent bare = incidentio().event(R"({"event_type":"public_alert.alert_created_v1"})");
  CHECK_FALSE(incidentio().interpret(bare).has_value());
  CHECK_FALSE(incidentio().refusal(R"({"event_type":"a","event_type":"b"})").empty());
  CHECK_FALSE(incidentio().refusal(R"({"event_type":"a.b_v1","a.b_v1":{},"a.b_v1":{}})").empty());
}

}  // namespace
}  // namespace tp::gateway
