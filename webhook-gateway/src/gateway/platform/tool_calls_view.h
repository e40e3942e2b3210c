#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace tp::gateway {

// Slack's dialog with the tool calls of one phase of a run: a modal view for SlackApi::open_view, within
// Slack's bounds (a title of 24 characters, 100 blocks, 3,000 characters a text). `calls` as
// ConfigService::tool_calls gives them. A phase is a family of tools ("kubernetes", "aws_tools") and takes
// the calls whose tool's name says so; "root_cause_analysis" takes all of them when none does.
[[nodiscard]] nlohmann::json tool_calls_view(const std::string& phase, const nlohmann::json& calls);

}  // namespace tp::gateway
