#include "gateway/platform/tool_calls_view.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <vector>

#include "json/parse.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxTitle = 24;
constexpr std::size_t kMaxBlocks = 100;
constexpr std::size_t kBlocksOfCall = 4;  // name, input, output, line
constexpr std::size_t kMaxInput = 500;
constexpr std::size_t kMaxOutput = 1000;
constexpr std::size_t kMaxName = 200;

struct Phase {
  std::string_view key;
  std::string_view label;
  std::array<std::string_view, 8> words;  // parts of tools' names; the first empty one ends them
};

constexpr std::array<Phase, 18> kPhases{{
    {"kubernetes", "Kubernetes", {"k8s", "pod", "deployment", "namespace", "kubectl", "describe_"}},
    {"coralogix_tools", "Coralogix", {"coralogix"}},
    {"aws_tools", "AWS", {"aws", "ec2", "cloudwatch", "lambda", "ecs", "rds", "s3"}},
    {"datadog_tools", "Datadog", {"datadog"}},
    {"github_tools", "GitHub", {"github", "gh_"}},
    {"github_app_tools", "GitHub", {"github", "gh_"}},
    {"postgres_tools", "PostgreSQL", {"postgres", "pg_"}},
    {"snowflake_tools", "Snowflake", {"snowflake"}},
    {"elasticsearch_tools", "Elasticsearch", {"elasticsearch", "es_"}},
    {"grafana_tools", "Grafana", {"grafana"}},
    {"splunk_tools", "Splunk", {"splunk"}},
    {"sentry_tools", "Sentry", {"sentry"}},
    {"pagerduty_tools", "PagerDuty", {"pagerduty", "pd_"}},
    {"jira_tools", "Jira", {"jira"}},
    {"slack_tools", "Slack", {"slack"}},
    {"git_tools", "Git", {"git_log", "git_diff", "git_blame"}},
    {"log_analysis_tools", "Log Analysis", {"log_", "search_log"}},
    {"root_cause_analysis", "Root Cause Analysis", {"root_cause_analysis"}},
}};

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }
char upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return lower(c); });
  return text;
}

const Phase* known(const std::string& key) {
  const auto* const it =
      std::find_if(kPhases.begin(), kPhases.end(), [&](const Phase& phase) { return phase.key == key; });
  return it == kPhases.end() ? nullptr : it;
}

// "my_tools" is "My Tools".
std::string label_of(const std::string& key) {
  if (const Phase* phase = known(key)) return std::string{phase->label};
  std::string label = key;
  bool starts_word = true;
  for (char& c : label) {
    if (c == '_') c = ' ';
    c = starts_word ? upper(c) : lower(c);
    starts_word = c == ' ';
  }
  return label;
}

bool belongs(const std::string& key, const std::string& tool) {
  const std::string name = lower(tool);
  if (const Phase* phase = known(key)) {
    return std::any_of(phase->words.begin(), phase->words.end(), [&](std::string_view word) {
      return !word.empty() && name.find(word) != std::string::npos;
    });
  }
  constexpr std::string_view kSuffix = "_tools";
  std::string word = lower(key);
  if (word.ends_with(kSuffix)) word.resize(word.size() - kSuffix.size());
  return !word.empty() && name.find(word) != std::string::npos;
}

// At most so many bytes, not ending within a character.
std::string cut(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  text.resize(bytes);
  return text;
}

std::string text(const json& call, const char* key) {
  const auto it = call.find(key);
  return it != call.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

// Slack's three characters of markup: whoever wrote a tool's output must not get to mention people.
std::string escaped(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (const char c : raw) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

json section(const std::string& markup) {
  return {{"type", "section"}, {"text", {{"type", "mrkdwn"}, {"text", markup}}}};
}

// Preformatted, under a heading. At most `limit` bytes of it, each five when escaped: below Slack's 3,000
// only together with the final cut.
json listing(const std::string& heading, const std::string& raw, std::size_t limit) {
  constexpr std::size_t kMaxMarkup = 2900;
  std::string shown = cut(raw, limit);
  for (std::size_t at = 0; (at = shown.find("```", at)) != std::string::npos; at += 5) {
    shown.replace(at, 3, "` ` `");  // would end the listing
  }
  shown = cut(escaped(shown), kMaxMarkup);
  if (raw.size() > limit) shown += "\n... (truncated)";
  return section("*" + heading + ":*\n```" + shown + "```");
}

void add_call(json& blocks, const json& call) {
  const std::string error = text(call, "error_message");
  const bool succeeded = error.empty() && text(call, "status") == "success";
  std::string name = (succeeded ? "✅ *" : "❌ *") + escaped(cut(text(call, "tool_name"), kMaxName)) + "*";
  if (const auto took = call.find("duration_ms"); took != call.end() && took->is_number_integer()) {
    name += " (" + std::to_string(took->get<std::int64_t>()) + " ms)";
  }
  blocks.push_back(section(name));
  if (const auto input = call.find("tool_input");
      input != call.end() && input->is_object() && !input->empty()) {
    blocks.push_back(listing("Input", tp::json::dump(*input), kMaxInput));
  }
  const std::string output = text(call, "tool_output");
  if (!error.empty()) {
    blocks.push_back(listing("Error", error, kMaxInput));
  } else if (!output.empty()) {
    blocks.push_back(listing("Output", output, kMaxOutput));
  }
  blocks.push_back({{"type", "divider"}});
}

std::vector<json> of_phase(const std::string& phase, const json& calls) {
  std::vector<json> all;
  std::vector<json> matching;
  for (const json& call : calls) {
    if (!call.is_object()) continue;
    all.push_back(call);
    if (belongs(phase, text(call, "tool_name"))) matching.push_back(call);
  }
  return matching.empty() && phase == "root_cause_analysis" ? all : matching;
}

}  // namespace

json tool_calls_view(const std::string& phase, const json& calls) {
  const std::string label = label_of(phase);
  const std::vector<json> shown = of_phase(phase, calls);
  json blocks = json::array({section("*" + escaped(cut(label, kMaxName)) + " Tool Calls*"),
                             section(shown.empty() ? "_No tool calls found for this phase._"
                                                   : std::to_string(shown.size()) + " tool call(s)"),
                             {{"type", "divider"}}});
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (blocks.size() + kBlocksOfCall >= kMaxBlocks) {
      blocks.push_back(section("_... and " + std::to_string(shown.size() - i) + " more_"));
      break;
    }
    add_call(blocks, shown[i]);
  }
  const std::string title = cut(label, kMaxTitle);
  return {{"type", "modal"},
          {"title", {{"type", "plain_text"}, {"text", title.empty() ? "Tool calls" : title}}},
          {"close", {{"type", "plain_text"}, {"text", "Close"}}},
          {"blocks", std::move(blocks)}};
}

}  // namespace tp::gateway
