#include "gateway/sources/pagerduty.h"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using json::View;

constexpr std::string_view kUnique =
    "id event messages event/id event/event_type event/data event/data/type event/data/id "
    "event/data/service event/data/service/id event/data/incident event/data/incident/id";

// PagerDuty sent a few at a time; the bound keeps one request from filling a batch of the inbox.
constexpr std::size_t kMessages = 100;

// Notes, responders and the like name the incident; an incident's own events are about `data` itself.
std::string incident_of(View event) {
  const View data = event["data"];
  if (const View incident = data["incident"]) return id_text(incident["id"]);
  return data["type"].text() == "incident" ? id_text(data["id"]) : std::string{};
}

NewEvent new_event(View root, std::string body) {
  NewEvent stored;
  const View event = root["event"];
  stored.kind = kind_of(event.is(json::Type::String) ? event.text() : event["event_type"].text());
  stored.provider_id = id_text(root["id"]);  // of a former message
  if (stored.provider_id.empty()) stored.provider_id = id_text(event["id"]);
  stored.order_key = key_of({"pagerduty", incident_of(event)});
  stored.digest = digest_of(body);
  stored.body = std::move(body);
  return stored;
}

Result<Admission> admit(const Delivery& delivery) {
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(delivery.body, kUnique));
  const View root = document.root();
  const View messages = root["messages"];
  Admission admission{{}, ok_answer(202)};
  if (root["event"] || !messages.is(json::Type::Array)) {
    admission.events.push_back(new_event(root, std::string{delivery.body}));
    return admission;
  }
  if (messages.size() > kMessages) return invalid("more than 100 messages");
  for (View message = messages.first(); message; message = message.next()) {
    if (!message.is(json::Type::Object)) return invalid("a message that is not an object");
    TP_TRY(require_unique(message, kUnique));
    // A message has the form of a V3 body. Its text is written anew: the same message has the same digest in
    // whatever list it comes.
    admission.events.push_back(new_event(message, json::dump(message.to_json())));
  }
  return admission;
}

std::string text_or(View value, std::string_view otherwise) {
  return std::string{value.string().value_or(otherwise)};
}

Result<Interpretation> interpret(const StoredEvent& stored, const Policy& policy) {
  if (!policy.pagerduty.events.contains(stored.kind)) return ignore("event_type");
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(stored.body, kUnique));
  const View event = document.root()["event"];
  const View data = event["data"];
  if (!data.is(json::Type::Object)) return invalid("an event without data");

  RunRequest run{.trigger_source = "pagerduty"};
  const std::string service = id_text(data["service"]["id"]);
  if (!service.empty()) run.identifiers.push_back({"pagerduty_service_id", service});
  run.message = "PagerDuty " + stored.kind + ": " + text_or(data["title"], "untitled") +
                " (urgency: " + text_or(data["urgency"], "unknown") + ")";
  run.context = {{"metadata",
                  {{"pagerduty",
                    {{"event_type", stored.kind},
                     {"service_id", service.empty() ? nlohmann::json{} : nlohmann::json(service)},
                     {"incident_data", data.to_json()}}},
                   {"trigger", "pagerduty"}}}};
  if (std::string incident = incident_of(event); !incident.empty()) run.incident_id = std::move(incident);
  return Interpretation{std::move(run)};
}

}  // namespace

Source pagerduty_source() {
  return {.kind = SourceKind::PagerDuty,
          .path = "/webhooks/pagerduty",
          .scheme = &pagerduty_v1(),
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_with_detail};
}

}  // namespace tp::gateway
