#pragma once

#include <optional>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/teams/team_cache.h"
#include "json/document.h"
#include "kube/client/api_client.h"

namespace tp::gateway {

// The token in a Secret, if it is this resource's: of the type that only tokens have, and controlled by the
// resource. A status names a Secret, and whoever can write one must not learn another's content. PURE.
[[nodiscard]] std::optional<crypto::Secret> token_in(json::View secret, const TeamResource& resource);

// The team's token, from the Secret that its status names. Nothing when there is none.
[[nodiscard]] Result<std::optional<crypto::Secret>> read_team_token(const Context& ctx,
                                                                    kube::ApiClient& api,
                                                                    const TeamResource& resource);

}  // namespace tp::gateway
