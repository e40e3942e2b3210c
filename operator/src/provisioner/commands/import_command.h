#pragma once

#include <stop_token>
#include <string>

#include "base/result.h"
#include "log/log.h"
#include "provisioner/commands/options.h"

namespace tp::provisioner {

struct Imported {
  std::string documents{};  // what --output asked for, or with --apply a line for each resource that was made
  std::string report{};     // for people
  bool outstanding = false;  // teams that have no resource yet
};

// `team-operator import`: finds what the service before this operator made for its teams, in the cluster and
// in the Config Service, and writes TeamProvisionings that ask for the same (import_team.h). To tell what the
// operator would do with each, it fills the operator's own caches with what is there, asks the operator's own
// planner, and has the API server try each object that would be taken over (a dry run). With `apply` it
// creates the resources; one that exists is never changed.
//
// Reads, as whoever the kubeconfig names: TeamProvisionings and AgentReleases everywhere; CronJobs,
// Deployments, Services, NetworkPolicies, PodDisruptionBudgets, HorizontalPodAutoscalers, ServiceAccounts
// and, with a principal, the metadata of Secrets in the namespaces. A dry run asks for the right to patch the
// first kinds, and is left out where it is refused. Errors name what could not be read.
[[nodiscard]] Result<Imported> import_teams(const ImportOptions& options,
                                            std::stop_token stop,
                                            log::Sink& sink);

}  // namespace tp::provisioner
