#pragma once

#include <string>

#include "base/context.h"
#include "base/result.h"
#include "kube/client/api_client.h"
#include "provisioner/platform/config_service.h"
#include "provisioner/reconcile/caches.h"

namespace tp::provisioner {

// The Secrets that hold teams' tokens. Thread-safe; what it is given must outlive it.
class TokenVault {
 public:
  TokenVault(kube::ApiClient& api, Caches& caches) : api_(api), caches_(caches) {}

  // The id of the token that the team's Secret holds, as the caches know; empty when there is none.
  [[nodiscard]] std::string held(const Team& team) const;
  // Whether the Secret is the team's or there is none, asked of the API server. No data is read.
  [[nodiscard]] Result<bool> is_free(const Context& ctx, const Team& team) const;
  // Puts a token into it. AlreadyExists when a Secret of that name is not the team's: it is left alone.
  [[nodiscard]] Status put(const Context& ctx, const Team& team, const ConfigService::Issued& issued);

 private:
  // As the caches know it; null when there is none, or it is a stranger's.
  [[nodiscard]] HeldTokenPointer find(const Team& team) const;
  // As the API server knows it, whoever's it is; null when there is none.
  [[nodiscard]] Result<HeldTokenPointer> look(const Context& ctx, const Team& team) const;
  [[nodiscard]] Status store(const Context& ctx,
                             const Team& team,
                             const ConfigService::Issued& issued,
                             const std::string& uid);

  kube::ApiClient& api_;
  Caches& caches_;
};

}  // namespace tp::provisioner
