#include "gateway/platform/tool_calls_view.h"

#include "support/catch.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

json call(const std::string& name) {
  return {{"tool_name", name}, {"status", "success"}, {"duration_ms", 12}};
}

// All markup of the view, in lines.
std::string text_of(const json& view) {
  std::string out;
  for (const json& block : view.at("blocks")) {
    if (block.contains("text")) out += block.at("text").at("text").get<std::string>() + "\n";
  }
  return out;
}

bool shows(const json& view, const std::string& what) {
  return text_of(view).find(what) != std::string::npos;
}

TEST_CASE("view: the calls of one phase, with what went in and came out") {
  json pods = call("list_pods");
  pods["tool_input"] = {{"namespace", "prod"}};
  pods["tool_output"] = "3 pods";
  json failed = call("k8s_logs");
  failed["status"] = "error";
  failed["error_message"] = "forbidden";
  failed["tool_output"] = "not shown";
  const json view = tool_calls_view("kubernetes", json::array({pods, failed, call("github_search")}));
  CHECK(view.at("type") == "modal");
  CHECK(view.at("title").at("text") == "Kubernetes");
  CHECK(view.at("close").at("text") == "Close");
  CHECK(shows(view, "2 tool call(s)"));
  CHECK(shows(view, "✅ *list_pods* (12 ms)"));
  CHECK(shows(view, "*Input:*\n```{\"namespace\":\"prod\"}```"));
  CHECK(shows(view, "*Output:*\n```3 pods```"));
  CHECK(shows(view, "❌ *k8s_logs* (12 ms)"));
  CHECK(shows(view, "*Error:*\n```forbidden```"));
  CHECK_FALSE(shows(view, "not shown"));
  CHECK_FALSE(shows(view, "github_search"));
}

TEST_CASE("view: unknown phases go by their name; the root cause may have all") {
  CHECK(shows(tool_calls_view("newrelic_tools", json::array({call("query_newrelic")})), "query_newrelic"));
  CHECK(tool_calls_view("newrelic_tools", json::array({call("x")})).at("title").at("text") ==
        "Newrelic Tools");
  CHECK(shows(tool_calls_view("newrelic_tools", json::array({call("list_pods")})), "No tool calls found"));
  CHECK(shows(tool_calls_view("root_cause_analysis", json::array({call("list_pods")})), "list_pods"));
  CHECK(shows(tool_calls_view("kubernetes", json::array()), "No tool calls found"));
  CHECK(shows(tool_calls_view("", json::array({call("x"), 5})), "No tool calls found"));
}

TEST_CASE("view: Slack's bounds hold for whatever comes") {
  json calls = json::array();
  json big = call("aws_" + std::string(5000, 'n'));
  big["tool_input"] = {{"q", std::string(100'000, '<')}};
  big["tool_output"] = "```" + std::string(100'000, '&');
  for (int i = 0; i < 500; ++i) calls.push_back(big);
  const json view = tool_calls_view("aws_tools", calls);
  CHECK(view.at("blocks").size() <= 100);
  CHECK(shows(view, "more_"));
  for (const json& block : view.at("blocks")) {
    if (block.contains("text")) REQUIRE(block.at("text").at("text").get<std::string>().size() <= 3000);
  }
  const std::string title = tool_calls_view(std::string(30, 'a') + "ä", {}).at("title").at("text");
  CHECK(title.size() == 24);
  // Not cut within a character.
  CHECK(tool_calls_view(std::string(23, 'a') + "ä", {}).at("title").at("text").get<std::string>().size() ==
        23);
}

TEST_CASE("view: what tools say can neither mention people nor leave its box") {
  json evil = call("slack_search");
  evil["tool_output"] = "```<!channel> <@U1>";
  const json view = tool_calls_view("slack_tools", json::array({evil}));
  CHECK(shows(view, "` ` `&lt;!channel&gt; &lt;@U1&gt;"));
}

TEST_CASE("view: long input and output are cut where the reader is told") {
  json one = call("jira_get");
  one["tool_input"] = {{"q", std::string(600, 'i')}};
  one["tool_output"] = std::string(1001, 'o');
  const std::string text = text_of(tool_calls_view("jira_tools", json::array({one})));
  CHECK(text.find(std::string(1000, 'o') + "\n... (truncated)```") != std::string::npos);
  CHECK(text.find(std::string(500, 'i')) == std::string::npos);
  CHECK(text.find(std::string(490, 'i')) != std::string::npos);
}

}  // namespace
}  // namespace tp::gateway
