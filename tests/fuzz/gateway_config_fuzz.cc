#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gateway/policy/config_file.h"

// Whatever the file holds, it is either a policy that the rest can rely on or a few lines of refusal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tp::gateway;                                        // NOLINT(google-build-using-namespace)
  const std::string text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  const auto config = parse_config(text, "config");
  if (!config) {
    const std::string& message = config.error().message;
    if (config.error().code != tp::ErrorCode::InvalidArgument || !message.starts_with("config")) std::abort();
    if (std::count(message.begin(), message.end(), '\n') > 20) std::abort();
    return 0;
  }
  for (const Endpoint& endpoint : config->policy.endpoints) {
    if (endpoint.name.empty() || endpoint.scope.org_id.empty()) std::abort();
    if (config->policy.endpoint(endpoint.name) != &endpoint) std::abort();
    if ((endpoint.kind == EndpointKind::Run) == endpoint.message.empty()) std::abort();
  }
  for (const SecretFile& secret : config->secrets) {
    if (!secret.path.starts_with('/')) std::abort();
    if (secret.scope.org_id.empty() && !secret.scope.team_node_id.empty()) std::abort();
    if (secret.source != SourceKind::Generic) continue;
    const Endpoint* const endpoint = config->policy.endpoint(secret.endpoint);
    if (endpoint == nullptr || !endpoint->scope.covers(secret.scope.org_id, secret.scope.team_node_id))
      std::abort();
  }
  return 0;
}
