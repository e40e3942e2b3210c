#include "support/model/config_service.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/time.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxOrg = 64;
constexpr std::size_t kMaxNode = 128;
// The lists of `routing` that a lookup reads.
constexpr std::array<const char*, 7> kRouting{
    "incidentio_team_ids",  "pagerduty_service_ids",       "slack_channel_ids", "github_repos",
    "coralogix_team_names", "incidentio_alert_source_ids", "services"};

http::Response in_json(int status, const Json& body) {
  return {status, {{"Content-Type", "application/json"}}, body.dump()};
}

http::Response refuse(int status, const std::string& detail) { return in_json(status, {{"detail", detail}}); }

// What the real service does not handle.
http::Response crash() { return {500, {{"Content-Type", "text/plain"}}, "Internal Server Error"}; }

// Objects merge, everything else replaces; null is a value like any other.
void merge(Json& base, const Json& patch) {
  for (const auto& [key, value] : patch.items()) {
    Json& old = base[key];
    if (old.is_object() && value.is_object()) {
      merge(old, value);
    } else {
      old = value;
    }
  }
}

std::string zulu(WallTime time) { return to_rfc3339_micro(time); }

}  // namespace

void ModelConfigService::add_node(const std::string& org, const std::string& node, const Json& config) {
  Node& made = nodes_[{org, node}];
  if (!config.is_null()) merge(made.config, config);
}

void ModelConfigService::merge_config(const std::string& org, const std::string& node, const Json& patch) {
  merge(nodes_.at({org, node}).config, patch);
}

std::string ModelConfigService::issue(const std::string& org,
                                      const std::string& team,
                                      const std::string& by) {
  tokens_.push_back(mint({org, team}, by));
  return tokens_.back().id;
}

void ModelConfigService::revoke(const std::string& id) {
  for (Token& token : tokens_) token.revoked = token.revoked || token.id == id;
}

void ModelConfigService::approve() {
  for (const auto& [key, patch] : std::exchange(to_approve_, {})) merge(nodes_.at(key).config, patch);
}

const ModelConfigService::Node* ModelConfigService::node(const std::string& org,
                                                         const std::string& node) const {
  const auto found = nodes_.find({org, node});
  return found == nodes_.end() ? nullptr : &found->second;
}

std::vector<ModelConfigService::Token> ModelConfigService::live_tokens(const std::string& org,
                                                                       const std::string& team) const {
  std::vector<Token> live;
  for (const Token& token : tokens_) {
    if (token.org == org && token.team == team && !token.revoked) live.push_back(token);
  }
  return live;
}

Json ModelConfigService::canonical() {
  commit();
  Json result = Json::object();
  for (const auto& [key, node] : nodes_) {
    Json issuers = Json::array();
    for (const Token& token : live_tokens(key.first, key.second)) issuers.push_back(token.issued_by);
    std::sort(issuers.begin(), issuers.end());
    result[key.first + "/" + key.second] = {{"parent", node.parent},
                                            {"name", node.name},
                                            {"config", node.config},
                                            {"live tokens of", std::move(issuers)}};
  }
  return result;
}

bool ModelConfigService::commit() {
  const auto later = std::stable_partition(pending_.begin(), pending_.end(),
                                           [&](const auto& effect) { return effect.first <= clock().now(); });
  std::vector<std::pair<SteadyTime, std::function<void()>>> due{pending_.begin(), later};
  pending_.erase(pending_.begin(), later);
  for (const auto& [when, effect] : due) effect();
  return !pending_.empty();
}

void ModelConfigService::commit(const Fault& fault, std::function<void()> effect) {
  switch (fault.commit) {
    case Fault::Commit::AtOnce: effect(); break;
    case Fault::Commit::Late:
      pending_.emplace_back(clock().now() + fault.commit_delay, std::move(effect));
      break;
    case Fault::Commit::Never: break;
  }
}

http::Response ModelConfigService::answer(const http::Request& request, const Fault& fault) {
  commit();
  const std::vector<std::string> path = path_of(request);
  const auto is = [&](std::size_t index, const char* segment) {
    return index < path.size() && path[index] == segment;
  };
  if (is(2, "auth") && is(3, "me")) {
    const bool shared = subject.empty();
    return in_json(200, {{"role", "admin"},
                         {"auth_kind", shared ? "admin_token" : "oidc"},
                         {"org_id", nullptr},
                         {"team_node_id", nullptr},
                         {"subject", shared ? "super_admin" : subject},
                         {"email", nullptr},
                         {"can_write", true},
                         {"permissions", Json::array({"admin:*"})}});
  }
  // /api/v1/config/orgs/ORG/nodes/NODE/effective
  if (is(2, "config") && is(7, "effective")) {
    return in_json(200, {{"node_id", path[6]}, {"effective_config", effective({path[4], path[6]})}});
  }
  // /api/v1/admin/orgs/ORG/…
  if (!is(2, "admin") || path.size() < 6) return refuse(404, "Not Found");
  const std::string& org = path[4];
  const bool post = request.method == http::Method::Post;
  if (is(5, "nodes") && path.size() == 6 && post) return create_node(org, Json::parse(request.body), fault);
  if (path.size() < 7) return refuse(404, "Not Found");
  const Key key{org, path[6]};
  if (is(5, "nodes")) return is(7, "config") ? of_config(key, request, fault) : of_node(key, request, fault);
  if (!is(7, "tokens")) return refuse(404, "Not Found");
  if (is(9, "revoke") && post) {
    commit(fault, [this, id = path[8]] { revoke(id); });
    return in_json(200, {{"status", "ok"}});
  }
  return post ? issue_token(key, fault) : list_tokens(key);
}

http::Response ModelConfigService::create_node(const std::string& org, const Json& body, const Fault& fault) {
  const Key key{org, body.at("node_id").get<std::string>()};
  check_ids(key);
  const std::string parent = body.value("parent_id", std::string{});
  const std::string name = body.value("name", std::string{});
  if (nodes_.contains(key)) return refuse(400, "Node already exists: " + key.second);
  if (!parent.empty() && !nodes_.contains({org, parent})) return refuse(400, "Parent not found: " + parent);
  if (uncommitted_.contains(key)) return crash();  // the other transaction's row
  if (fault.commit != Fault::Commit::Never) uncommitted_.insert(key);
  commit(fault, [this, key, parent, name] {
    uncommitted_.erase(key);
    nodes_[key] = {.parent = parent, .name = name};
  });
  return in_json(200, {{"org_id", org}, {"node_id", key.second}, {"parent_id", parent}, {"name", name}});
}

http::Response ModelConfigService::of_node(const Key& key, const http::Request& request, const Fault& fault) {
  const auto found = nodes_.find(key);
  if (found == nodes_.end()) {
    return refuse(request.method == http::Method::Get ? 404 : 400, "Node not found: " + key.second);
  }
  Node changed = found->second;
  if (request.method == http::Method::Patch) {
    const Json body = Json::parse(request.body);
    changed.parent = body.value("parent_id", changed.parent);
    changed.name = body.value("name", changed.name);
    commit(fault, [this, key, parent = changed.parent, name = changed.name] {
      nodes_[key].parent = parent;
      nodes_[key].name = name;
    });
  }
  return in_json(200, {{"org_id", key.first},
                       {"node_id", key.second},
                       {"parent_id", changed.parent},
                       {"name", changed.name}});
}

http::Response ModelConfigService::of_config(const Key& key,
                                             const http::Request& request,
                                             const Fault& fault) {
  const auto found = nodes_.find(key);
  if (request.method == http::Method::Get) {
    return in_json(200, {{"config", found == nodes_.end() ? Json::object() : found->second.config}});
  }
  if (found == nodes_.end()) {
    return refuse(400, "Node configuration not found: " + key.first + "/" + key.second);
  }
  const Json patch = Json::parse(request.body).at("patch");
  check_routing(patch);
  if (needs_approval) {
    to_approve_.emplace_back(key, patch);
    return in_json(200, {{"status", "pending_approval"}, {"change_id", "change-1"}});
  }
  Node& node = found->second;
  Json config = node.config;
  merge(config, patch);
  if (config == node.config) ++idle_writes_;
  ++node.writes;
  if (!fault.lose_update) node.config = config;
  return in_json(200, {{"config", std::move(config)}});
}

http::Response ModelConfigService::list_tokens(const Key& key) const {
  Json rows = Json::array();
  for (auto token = tokens_.rbegin(); token != tokens_.rend(); ++token) {
    if (Key{token->org, token->team} != key) continue;
    rows.push_back({{"token_id", token->id},
                    {"issued_at", zulu(token->issued_at)},
                    {"revoked_at", token->revoked ? Json(zulu(clock().wall_now())) : Json{}},
                    {"issued_by", token->issued_by}});
  }
  return in_json(200, rows);
}

http::Response ModelConfigService::issue_token(const Key& key, const Fault& fault) {
  if (!nodes_.contains(key)) return crash();  // the foreign key
  Token token = mint(key, subject.empty() ? "admin" : subject);
  commit(fault, [this, token] { tokens_.push_back(token); });
  std::string naive = zulu(token.issued_at);
  naive.pop_back();
  return in_json(200, {{"token", token.text()}, {"issued_at", naive}});
}

ModelConfigService::Token ModelConfigService::mint(const Key& key, const std::string& by) {
  char id[33];
  std::snprintf(id, sizeof id, "%032x", ++minted_);
  return {.id = id,
          .secret = "planted-secret-" + std::to_string(minted_),
          .org = key.first,
          .team = key.second,
          .issued_by = by,
          .issued_at = clock().wall_now()};
}

Json ModelConfigService::effective(const Key& key) const {
  const auto found = nodes_.find(key);
  if (found == nodes_.end()) return Json::object();
  Json config = found->second.parent.empty() || found->second.parent == key.second
                    ? Json::object()
                    : effective({key.first, found->second.parent});
  merge(config, found->second.config);
  return config;
}

void ModelConfigService::check_ids(const Key& key) {
  const auto fits = [](const std::string& id, std::size_t limit) {
    return !id.empty() && id.size() <= limit && id.find_first_of(std::string("/\0", 2)) == std::string::npos;
  };
  if (!fits(key.first, kMaxOrg) || !fits(key.second, kMaxNode)) {
    violations_.push_back("an id that no column can hold or no URL can name: " + key.first + "/" +
                          key.second);
  }
}

void ModelConfigService::check_routing(const Json& patch) {
  if (!patch.contains("routing")) return;
  const Json& routing = patch.at("routing");
  const auto is_list_of_strings = [&](const char* name) {
    if (!routing.contains(name)) return true;
    const Json& list = routing.at(name);
    return list.is_array() &&
           std::all_of(list.begin(), list.end(), [](const Json& value) { return value.is_string(); });
  };
  if (!routing.is_object() || !std::all_of(kRouting.begin(), kRouting.end(), is_list_of_strings)) {
    violations_.push_back("a routing that breaks every lookup: " + routing.dump());
  }
}

}  // namespace tp::test
