#include "provisioner/desired/build_context.h"

#include <algorithm>

namespace tp::provisioner {

bool BuildContext::allows_secret(const std::string& name) const {
  return (!agent_env_secret.empty() && name == agent_env_secret) ||
         std::find(agent_secrets.begin(), agent_secrets.end(), name) != agent_secrets.end();
}

}  // namespace tp::provisioner
