#include "gateway/platform/team_context.h"

#include <initializer_list>
#include <utility>

namespace tp::gateway {
namespace {

using nlohmann::json;

// The value at a path of members; null when there is none.
const json& at(const json& root, std::initializer_list<const char*> path) {
  static const json kNull;
  const json* here = &root;
  for (const char* key : path) {
    const auto it = here->find(key);  // the end for what is no object
    if (it == here->end()) return kNull;
    here = &*it;
  }
  return *here;
}

std::string text(const json& value) { return value.is_string() ? value.get<std::string>() : std::string{}; }

json object(const json& value) { return value.is_object() ? value : json::object(); }

}  // namespace

TeamContext team_context(const json& config) {
  TeamContext team;
  if (std::string agent = text(at(config, {"entrance_agent"})); !agent.empty()) {
    team.entrance_agent = std::move(agent);
  }
  team.dedicated_url = text(at(config, {"agent", "dedicated_service_url"}));
  while (team.dedicated_url.ends_with('/')) team.dedicated_url.pop_back();
  team.slack_bot_token = crypto::Secret{text(at(config, {"integrations", "slack", "bot_token"}))};
  team.github_token = crypto::Secret{text(at(config, {"integrations", "github", "token"}))};
  team.output_config = object(at(config, {"output_config"}));
  team.notifications = object(at(config, {"notifications"}));
  return team;
}

}  // namespace tp::gateway
