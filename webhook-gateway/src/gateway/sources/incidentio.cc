#include "gateway/sources/incidentio.h"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"
#include "gateway/sources/standard_webhooks.h"

namespace tp::gateway {
namespace {

using json::Type;
using json::View;

Result<json::Document> read_body(std::string_view body) {
  TP_ASSIGN_OR_RETURN(json::Document document, read_object(body, "event_type incident alert"));
  TP_TRY(unique_member(document.root(), document.root()["event_type"].text()));
  return document;
}

Result<Admission> admit(const Delivery& delivery) {
  TP_ASSIGN_OR_RETURN(const json::Document document, read_body(delivery.body));
  const std::string_view id = webhook_id(delivery.headers);
  NewEvent stored;
  stored.kind = kind_of(document.root()["event_type"].text());
  stored.provider_id = id_text(id);
  stored.digest = standard_webhooks_digest(id, delivery.body);
  stored.body = delivery.body;
  return store(std::move(stored), ok_answer(200));
}

// The version moves when incident.io adds fields: "…alert_created_v1" → "…alert_created".
std::string_view without_version(std::string_view type) {
  const auto digits = type.find_last_not_of("0123456789");
  if (digits == std::string_view::npos || digits + 1 == type.size()) return type;
  const std::string_view head = type.substr(0, digits + 1);
  return head.ends_with("_v") ? head.substr(0, head.size() - 2) : type;
}

// The id of the catalog entry of the alert attribute, or the incident's custom field, of that name.
std::string team_of(View object, std::string_view name) {
  std::string team;
  const auto take = [&](View entry) {
    if (team.empty()) team = id_text(entry["id"]);
  };
  object["attributes"].each([&](View attribute) {
    if (attribute["attribute"]["name"].text() != name) return;
    take(attribute["value"]["catalog_entry"]);
    attribute["array_value"].each([&](View value) { take(value["catalog_entry"]); });
  });
  object["custom_field_entries"].each([&](View field) {
    if (field["custom_field"]["name"].text() != name) return;
    field["values"].each([&](View value) { take(value["value_catalog_entry"]); });
  });
  return team;
}

// A text, or the name of an object: {"status":"firing"}, {"incident_status":{"name":"Triage",…}}.
std::string word(View value) {
  const std::string_view text = value.is(Type::Object) ? value["name"].text() : value.text();
  return text.empty() ? "unknown" : std::string{text};
}

Result<Interpretation> interpret(const StoredEvent& stored, const Policy& policy) {
  const std::string& type = stored.kind;
  const std::string name{without_version(type)};
  if (!policy.incidentio.events.contains(name)) return ignore("event_type");
  TP_ASSIGN_OR_RETURN(const json::Document document, read_body(stored.body));
  const View root = document.root();
  const bool is_alert = name.find("_alert.") != std::string::npos;
  View object = root[type];
  if (!object.is(Type::Object)) object = root[is_alert ? "alert" : "incident"];
  if (!object.is(Type::Object)) return invalid("no object under the key that event_type names");

  RunRequest run{.trigger_source = "incidentio"};
  if (std::string source = id_text(object["alert_source_id"]); is_alert && !source.empty())
    run.identifiers.push_back({"incidentio_alert_source_id", std::move(source)});
  if (std::string team = team_of(object, policy.incidentio.team_attribute); !team.empty())
    run.identifiers.push_back({"incidentio_team_id", std::move(team)});

  const std::string id = id_text(object["id"]);
  run.message = "Incident.io " + type + ": ";
  if (name.starts_with("private_")) {
    run.message += id + " (private: incident.io sends no details)";
  } else if (is_alert) {
    run.message += word(object["title"]) + " (status: " + word(object["status"]) +
                   ", priority: " + word(object["priority"]) + ")";
  } else {
    const View status = object["incident_status"] ? object["incident_status"] : object["status"];
    run.message +=
        "[" + word(object["severity"]) + "] " + word(object["name"]) + " (status: " + word(status) + ")";
  }
  run.context = {
      {"metadata",
       {{"incidentio", {{"event_type", type}, {"incident", object.to_json()}}}, {"trigger", "incidentio"}}}};
  if (!is_alert && !id.empty()) run.incident_id = id;
  return Interpretation{std::move(run)};
}

}  // namespace

Source incidentio_source() {
  return {.kind = SourceKind::IncidentIo,
          .path = "/webhooks/incidentio",
          .scheme = &standard_webhooks(),
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_with_detail};
}

}  // namespace tp::gateway
