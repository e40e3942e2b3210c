#include "gateway/sources/slack.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"

namespace tp::gateway {
namespace {

using json::View;

constexpr std::string_view kUnique =
    "type challenge team_id event_id event event/type event/user event/channel event/ts "
    "event/thread_ts event/subtype event/text event/bot_id";

// The bot user that an event was sent for. Slack cuts the list to one.
View bot_of(View root) {
  View bot;
  root["authorizations"].each([&](View authorization) {
    if (!bot && authorization["is_bot"].boolean().value_or(false)) bot = authorization["user_id"];
  });
  return bot;
}

// The length of the mention <@U…>, <@W…> or <@U…|name> that `text` begins with, or 0.
std::size_t mention_size(std::string_view text) {
  constexpr std::string_view kIdCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  if (!text.starts_with("<@U") && !text.starts_with("<@W")) return 0;
  const auto end = text.find_first_not_of(kIdCharacters, 2);
  if (end == std::string_view::npos || (text[end] != '>' && text[end] != '|')) return 0;
  const auto close = text.find('>', end);
  return close == std::string_view::npos ? 0 : close + 1;
}

bool mentions(std::string_view text, std::string_view user) {
  if (user.empty()) return false;
  for (auto at = text.find("<@"); at != std::string_view::npos; at = text.find("<@", at + 1)) {
    const std::string_view mention = text.substr(at, mention_size(text.substr(at)));
    if (mention.size() > user.size() + 2 && mention.substr(2, user.size()) == user &&
        (mention[user.size() + 2] == '>' || mention[user.size() + 2] == '|'))
      return true;
  }
  return false;
}

std::string without_mentions(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (const auto size = mention_size(text); size > 0) {
      text.remove_prefix(size);
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = out.find_first_not_of(kSpace);
  return first == std::string::npos ? "" : out.substr(first, out.find_last_not_of(kSpace) + 1 - first);
}

// Why an event_callback starts no run; "" when it does. Both admit and interpret ask: an event that takes the
// twin key of a mention must be one that runs, or it would keep its twin from running.
std::string_view why_not(View root, const SlackPolicy& policy) {
  const View event = root["event"];
  const std::string_view type = event["type"].text();
  if (type != "app_mention" && type != "message") return "event_type";
  // Subtypes under which people speak; all others are edits, deletions, notices and bots.
  constexpr std::array<std::string_view, 3> kHuman{"", "file_share", "thread_broadcast"};
  const std::string_view subtype = event["subtype"].text();
  if (std::find(kHuman.begin(), kHuman.end(), subtype) == kHuman.end()) return "subtype";
  const std::string_view user = event["user"].text();
  const std::string_view bot = bot_of(root).text();
  // Whatever bot: two that answer each other never end.
  if (user.empty() || user == bot || user == "USLACKBOT" || !event["bot_id"].text().empty()) return "bot";
  if (type == "app_mention") return "";
  if (!policy.messages) return "policy";
  return event["channel_type"].text() == "im" || mentions(event["text"].text(), bot) ? "" : "no_mention";
}

std::string_view thread_of(View event) {
  const auto thread = event["thread_ts"].text();
  return thread.empty() ? event["ts"].text() : thread;
}

Result<Admission> admit(const Delivery& delivery) {
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(delivery.body, kUnique));
  const View root = document.root();
  const std::string_view type = root["type"].text();
  if (type == "url_verification") {
    const auto challenge = root["challenge"].string();
    if (!challenge) return invalid("url_verification without a challenge");
    return Admission{{}, json_answer(200, {{"challenge", *challenge}})};
  }
  NewEvent stored;
  stored.digest = digest_of(delivery.body);
  stored.body = delivery.body;
  const View event = root["event"];
  stored.kind = kind_of(type == "event_callback" ? event["type"].text() : type);
  stored.provider_id = id_text(root["event_id"]);
  const SlackPolicy policy = delivery.policy != nullptr ? delivery.policy->slack : SlackPolicy{};
  if (type == "event_callback" && why_not(root, policy).empty()) {
    const std::string_view team = root["team_id"].text();
    stored.twin_key = key_of({team, event["channel"].text(), event["ts"].text()});
    stored.order_key = key_of({"slack", team, event["channel"].text(), thread_of(event)});
  }
  return store(std::move(stored));
}

Result<Interpretation> interpret(const StoredEvent& stored, const Policy& policy) {
  if (stored.kind != "app_mention" && stored.kind != "message") return ignore("event_type");
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(stored.body, kUnique));
  const View root = document.root();
  if (const auto reason = why_not(root, policy.slack); !reason.empty()) return ignore(reason);

  const View event = root["event"];
  const SlackThread thread{.channel_id = id_text(event["channel"]),
                           .thread_ts = std::string{thread_of(event)},
                           .event_ts = id_text(event["ts"]),
                           .user_id = id_text(event["user"]),
                           .team_id = id_text(root["team_id"])};
  if (thread.channel_id.empty() || thread.event_ts.empty()) return invalid("a message without channel or ts");

  std::string session = "slack-" + thread.channel_id + "-" + thread.thread_ts;
  std::transform(session.begin(), session.end(), session.begin(), [](char c) {
    if (c == '.') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  RunRequest run{.identifiers = {{"slack_channel_id", thread.channel_id}}, .trigger_source = "slack"};
  run.message = without_mentions(event["text"].text());
  run.context = {
      {"user_id", thread.user_id},
      {"session_id", session},
      {"metadata",
       {{"slack",
         {{"channel_id", thread.channel_id}, {"event_ts", thread.event_ts}, {"thread_ts", thread.thread_ts}}},
        {"trigger", "slack"}}}};
  run.slack = thread;
  return Interpretation{std::move(run)};
}

}  // namespace

http::Response refuse_slack(int status, std::string_view reason) {
  // Bolt's words, which the former service gave.
  http::Response answer = json_answer(status, {{"error", status == 401 ? "invalid request" : reason}});
  add_retry_after(answer);
  if (status >= 400 && status < 500 && status != 429) answer.headers.set("X-Slack-No-Retry", "1");
  return answer;
}

Source slack_source() {
  return {.kind = SourceKind::Slack,
          .path = "/webhooks/slack/events",
          .scheme = &slack_v0(),
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_slack};
}

}  // namespace tp::gateway
