#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "support/model/calls.h"

namespace tp::test {

// The Config Service, as the operator uses it, with the real one's peculiarities: creating a node, issuing
// and revoking a token are answered before they are committed (late or never, as the Fault says); a PUT may
// be overwritten by one that had read before; nothing can be removed; a revocation says ok whatever it is
// about. One principal calls.
class ModelConfigService final : public ModelService {
 public:
  struct Token {
    std::string id{}, secret{}, org{}, team{}, issued_by{};
    WallTime issued_at{};
    bool revoked = false;

    [[nodiscard]] std::string text() const { return id + "." + secret; }
  };
  struct Node {
    std::string parent{}, name{};
    nlohmann::json config = nlohmann::json::object();
    unsigned writes = 0;  // of its configuration
  };
  using Key = std::pair<std::string, std::string>;  // org, node

  explicit ModelConfigService(Calls& calls) : ModelService("config service", calls) {}

  // Who the operator is. Empty: the platform's administrator, whose tokens are issued by "admin".
  std::string subject = "team-operator";
  // Changes of the configuration of a node wait until somebody approves them.
  bool needs_approval = false;

  // ---- people and other programs: not counted as calls

  void add_node(const std::string& org, const std::string& node, const nlohmann::json& config = {});
  void merge_config(const std::string& org, const std::string& node, const nlohmann::json& patch);
  // Returns the id.
  std::string issue(const std::string& org, const std::string& team, const std::string& by);
  void revoke(const std::string& id);
  // What waits for approval goes through.
  void approve();

  // ---- what is there, once everything that is committed late is

  [[nodiscard]] const std::map<Key, Node>& nodes() const { return nodes_; }
  [[nodiscard]] const Node* node(const std::string& org, const std::string& node) const;
  [[nodiscard]] std::vector<Token> live_tokens(const std::string& org, const std::string& team) const;
  // Of all teams, also the revoked ones.
  [[nodiscard]] const std::vector<Token>& tokens() const { return tokens_; }
  // Nodes, configurations, and for each team who issued its live tokens; equal for two histories that came to
  // the same end.
  [[nodiscard]] nlohmann::json canonical();
  // Commits what is due; true when there is more to come.
  bool commit();
  // What a caller must never do, in words; empty when all is well.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  // PUTs that changed nothing: each is a row of history and an invalidated cache.
  [[nodiscard]] unsigned idle_writes() const { return idle_writes_; }

 private:
  [[nodiscard]] http::Response answer(const http::Request& request, const Fault& fault) override;
  [[nodiscard]] http::Response create_node(const std::string& org,
                                           const nlohmann::json& body,
                                           const Fault& fault);
  [[nodiscard]] http::Response of_node(const Key& key, const http::Request& request, const Fault& fault);
  [[nodiscard]] http::Response of_config(const Key& key, const http::Request& request, const Fault& fault);
  [[nodiscard]] http::Response list_tokens(const Key& key) const;
  [[nodiscard]] http::Response issue_token(const Key& key, const Fault& fault);
  [[nodiscard]] nlohmann::json effective(const Key& key) const;
  [[nodiscard]] Token mint(const Key& key, const std::string& by);

  // Does it now, later or never.
  void commit(const Fault& fault, std::function<void()> effect);
  void check_ids(const Key& key);
  void check_routing(const nlohmann::json& patch);

  std::map<Key, Node> nodes_;
  std::set<Key> uncommitted_;
  std::vector<Token> tokens_;  // oldest first
  std::vector<std::pair<SteadyTime, std::function<void()>>> pending_;
  std::vector<std::pair<Key, nlohmann::json>> to_approve_;
  unsigned minted_ = 0;
  unsigned idle_writes_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace tp::test
