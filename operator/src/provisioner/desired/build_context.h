#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/agent_release.h"

namespace tp::provisioner {

// What the platform decides for all teams: the values of the operator's flags that shape the children.
// Constant while the program runs.
struct BuildContext {
  std::string agent_image = "incidentfox/agent:latest";
  std::string pipeline_image = "incidentfox/ai-pipeline:latest";
  std::string discovery_image = "incidentfox/dependency-service:latest";
  std::string agent_service_account = "incidentfox-agent";
  std::string pipeline_service_account = "ai-pipeline";
  std::string discovery_service_account = "dependency-discovery";
  std::string config_service_url = "http://config-service:8080";
  // Of every dedicated agent; a team's own variables of the same name, and its own port, count more.
  std::vector<domain::EnvVar> agent_env{};
  std::int64_t agent_port = 8080;
  // How long a roll-out may make no progress; nothing: what the API server has as default (10 min).
  std::optional<std::chrono::seconds> progress_deadline{};
  std::vector<std::string> image_pull_secrets{};
  // The agent's own Secret: all its keys become environment of every dedicated agent (API keys of the model);
  // optional, as some platforms inject them in other ways. Empty: none.
  std::string agent_env_secret = "incidentfox-agent";
  // Secrets that a team's `env` may name besides.
  std::vector<std::string> agent_secrets{};
  // The longest agent run; a pod that is to stop is given this and 30 s more.
  std::chrono::seconds run_limit{600};
  // What teams may not be called, and where the images come from that they name (registries, or paths in
  // them; empty: anywhere). See policy.h.
  std::vector<std::string> reserved_namespaces{};
  std::vector<std::string> reserved_org_ids{};
  std::vector<std::string> reserved_team_node_ids{};
  std::vector<std::string> allowed_image_registries{};
  // Peers of an isolated runtime's NetworkPolicy (core networking/v1 NetworkPolicyPeer objects): who may call
  // the agent, and where it finds the Config Service.
  nlohmann::json gateway_peer = nlohmann::json::object();
  nlohmann::json config_service_peer = nlohmann::json::object();

  // Whether the operator has a principal of the Config Service and looks after teams there. Without one it
  // leaves that service alone.
  bool platform = false;
  bool bootstrap = false;  // and an AI pipeline to bootstrap them
  bool releases = true;    // whether there are AgentReleases; they are of the whole cluster

  // Whether a team's environment may read this Secret.
  [[nodiscard]] bool allows_secret(const std::string& name) const;
};

// The same for teams that run this release: what it says counts more than the flags, and less than the team.
[[nodiscard]] BuildContext with_release(BuildContext build, const domain::ReleaseSpec& release);

}  // namespace tp::provisioner
