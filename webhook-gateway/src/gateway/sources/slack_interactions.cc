#include "gateway/sources/slack_interactions.h"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"
#include "gateway/sources/slack.h"

namespace tp::gateway {
namespace {

using json::View;

constexpr std::string_view kViewPrefix = "view_";
constexpr std::string_view kPositive = "feedback_positive";
constexpr std::string_view kNegative = "feedback_negative";

Result<json::Document> read_payload(std::string_view body) {
  TP_ASSIGN_OR_RETURN(const std::string payload, form_field(body, "payload"));
  return read_object(payload, "type team team/id user user/id actions");
}

Result<Admission> admit(const Delivery& delivery) {
  TP_ASSIGN_OR_RETURN(const json::Document document, read_payload(delivery.body));
  const View root = document.root();
  const std::string_view type = root["type"].text();
  // Without a body a submitted view closes; an options list must be one.
  if (type == "block_suggestion")
    return Admission{{}, json_answer(200, {{"options", nlohmann::json::array()}})};
  // A click sends one action.
  const View action = root["actions"].first();
  if (type != "block_actions" || !action) return Admission{{}, {}};
  TP_TRY(require_unique(action, "action_id action_ts value"));

  NewEvent stored;
  stored.kind = kind_of(type);
  const std::string_view team = root["team"]["id"].text();  // none on an organisation's own surfaces
  stored.provider_id =
      key_of({team.empty() ? root["enterprise"]["id"].text() : team, root["user"]["id"].text(),
              action["action_ts"].text(), action["action_id"].text()});
  if (action["action_id"].text().starts_with(kViewPrefix)) stored.lane = Lane::Interactive;
  stored.digest = digest_of(delivery.body);
  stored.body = delivery.body;
  return store(std::move(stored));
}

Interpretation view_details(View root, std::string_view value) {
  const auto colon = value.find(':');
  ViewDetails details{.run_id = std::string{value.substr(0, colon)},
                      .phase = colon == std::string_view::npos ? "" : std::string{value.substr(colon + 1)},
                      .trigger_id = std::string{root["trigger_id"].text()}};
  if (details.run_id.empty() || details.phase.empty() || details.trigger_id.empty())
    return ignore("bad_value");
  return details;
}

Interpretation feedback(View root, std::string_view value, bool positive) {
  const auto document = read_object(value, "run_id correlation_id");
  if (!document) return ignore("bad_value");
  Feedback said{.run_id = id_text(document->root()["run_id"]),
                .correlation_id = id_text(document->root()["correlation_id"]),
                .positive = positive,
                .user_id = id_text(root["user"]["id"]),
                .response_url = std::string{root["response_url"].text()}};
  if (said.run_id.empty() || said.correlation_id.empty()) return ignore("bad_value");
  return said;
}

Result<Interpretation> interpret(const StoredEvent& stored, const Policy& /*policy*/) {
  TP_ASSIGN_OR_RETURN(const json::Document document, read_payload(stored.body));
  const View root = document.root();
  const View action = root["actions"].first();
  const std::string_view id = action["action_id"].text();
  const std::string_view value = action["value"].text();
  if (id.starts_with(kViewPrefix)) return view_details(root, value);
  if (id == kPositive || id == kNegative) return feedback(root, value, id == kPositive);
  return ignore("action");
}

}  // namespace

Source slack_interactions_source() {
  return {.kind = SourceKind::SlackInteractions,
          .path = "/webhooks/slack/interactions",
          .scheme = &slack_v0(),
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_slack};
}

}  // namespace tp::gateway
