#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "http/client.h"
#include "http/token_source.h"
#include "platform/breaker.h"
#include "platform/remote.h"
#include "provisioner/platform/token_rules.h"

namespace tp::provisioner {

// Which team, in the Config Service's terms.
struct TeamId {
  std::string org;
  std::string team;
};

// The operator's side of the Config Service: nodes, their configuration, and team tokens. Each call is one
// request of at most kTimeout, never repeated here. What it answers to a write says little: it answers before
// it commits, and loses one of two updates of one configuration. So read back what was written, and never
// write to one team from two threads. Thread-safe.
//
// Errors as those of platform::Remote, and PermissionDenied for a principal that is refused (401 too). When
// calls have failed several times in a row, none is made for a while: Unavailable with retry_after.
class ConfigService {
 public:
  static constexpr std::chrono::seconds kTimeout{10};
  // A configuration with all defaults is about 35 kB.
  static constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20U;

  // `client`: for the service's base URL, with no token source of its own. All must outlive this.
  ConfigService(http::HttpClient& client,
                http::TokenSource& principal,
                const Clock& clock,
                platform::CallObserver observer = {});

  // Who we are there.
  struct Identity {
    std::string name;        // subject, else e-mail address
    std::string role;        // "admin", "team"
    bool is_shared = false;  // an administrator token: all who bear one are told as "admin"
    std::vector<std::string> permissions{};
  };
  [[nodiscard]] Result<Identity> identity(const Context& ctx);

  // What `issued_by` says of tokens that we issue; empty when we share our principal (the platform's
  // administrator token) and cannot tell ours from others'. Remembered for ten minutes.
  [[nodiscard]] Result<std::string> principal(const Context& ctx) TP_EXCLUDES(m_);

  struct Node {
    std::string id{}, parent{}, name{};  // empty: it has none
  };
  // The nodes of an org's teams.
  [[nodiscard]] Result<std::vector<Node>> team_nodes(const Context& ctx, const std::string& org);
  [[nodiscard]] Result<bool> has_node(const Context& ctx, const std::string& org, const std::string& node);
  // InvalidArgument also when there is one, or no such parent. An empty parent is none.
  [[nodiscard]] Status create_node(const Context& ctx,
                                   const TeamId& team,
                                   const std::string& parent,
                                   const std::string& name);

  // The team's own configuration, without what it inherits; {} when there is none.
  [[nodiscard]] Result<nlohmann::json> config(const Context& ctx, const TeamId& team);
  // What the team's agents see.
  [[nodiscard]] Result<nlohmann::json> effective_config(const Context& ctx, const TeamId& team);
  enum class Put { Accepted, PendingApproval };
  // Merges `patch` into the configuration.
  [[nodiscard]] Result<Put> put_config(const Context& ctx, const TeamId& team, const nlohmann::json& patch);

  // Neither revoked nor expired.
  [[nodiscard]] Result<std::vector<LiveToken>> live_tokens(const Context& ctx, const TeamId& team);
  struct Issued {
    std::string id;
    crypto::Secret token;
  };
  [[nodiscard]] Result<Issued> issue_token(const Context& ctx, const TeamId& team);
  // Success says nothing: an id that does not exist is answered in the same way.
  [[nodiscard]] Status revoke_token(const Context& ctx, const TeamId& team, const std::string& id);

  // Whether it is not asked for the time being.
  [[nodiscard]] bool breaker_open() const TP_EXCLUDES(m_);

 private:
  [[nodiscard]] Result<nlohmann::json> ask(const Context& ctx, http::Request request) TP_EXCLUDES(m_);
  [[nodiscard]] Result<nlohmann::json> get(const Context& ctx, const Result<std::string>& path);

  const platform::Remote remote_;
  http::TokenSource& tokens_;
  const Clock& clock_;

  mutable Mutex m_;
  platform::Breakers breaker_ TP_GUARDED_BY(m_);
  std::optional<std::string> principal_ TP_GUARDED_BY(m_);
  SteadyTime principal_until_ TP_GUARDED_BY(m_){};
};

}  // namespace tp::provisioner
