#include "provisioner/desired/build_context.h"

#include <algorithm>

namespace tp::provisioner {

bool BuildContext::allows_secret(const std::string& name) const {
  return (!agent_env_secret.empty() && name == agent_env_secret) ||
         std::find(agent_secrets.begin(), agent_secrets.end(), name) != agent_secrets.end();
}

BuildContext with_release(BuildContext build, const domain::ReleaseSpec& release) {
  build.agent_image = release.agent_image;
  if (!release.pipeline_image.empty()) build.pipeline_image = release.pipeline_image;
  if (!release.discovery_image.empty()) build.discovery_image = release.discovery_image;
  if (release.container_port != 0) build.agent_port = release.container_port;
  build.agent_env = release.env;
  build.progress_deadline = release.progress_deadline;
  return build;
}

}  // namespace tp::provisioner
