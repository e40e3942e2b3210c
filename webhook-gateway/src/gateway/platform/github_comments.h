#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "crypto/secret.h"
#include "http/client.h"
#include "platform/remote.h"

namespace tp::gateway {

// What was said on a pull request before the comment that starts a run. Thread-safe.
class GitHubComments {
 public:
  // `client`: for GITHUB_API_URL, https://api.github.com; must outlive this object, as `clock`.
  // `bot_login`: comments up to the bot's last are left out, since that run had them.
  GitHubComments(http::HttpClient& client, std::string bot_login, const Clock& clock);

  // `message` with up to 30 comments before it, by the team's own token. The message alone when there are
  // none, there is no token, or GitHub does not answer well: context helps a run, and does not stop it.
  [[nodiscard]] std::string with_context(const Context& ctx,
                                         const crypto::Secret& token,
                                         const std::string& repo,
                                         std::int64_t pr_number,
                                         const std::string& message) const;

 private:
  const platform::Remote remote_;
  const std::string bot_login_;
};

}  // namespace tp::gateway
