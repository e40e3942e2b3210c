#include "provisioner/desired/cron_jobs.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "provisioner/desired/metadata.h"
#include "provisioner/desired/pod_parts.h"

namespace tp::provisioner {
namespace {

using domain::TeamProvisioning;
using Json = nlohmann::json;

// A run that could not start for an hour is left out: its successor is due or the team has other worries. It
// also keeps the CronJob controller from giving up after 100 missed runs, which it counts only within this
// window.
constexpr int kStartingDeadlineSeconds = 3600;

struct Schedule {
  const std::string& cron;
  const std::string& time_zone;
  bool suspend;
};

Json cron_job(const TeamProvisioning& team,
              Slot slot,
              const std::string& name,
              const Schedule& schedule,
              Json pod_spec) {
  const Json labels = child_labels(team, slot);
  Json object = child_skeleton(team, slot, name);
  Json& spec = object["spec"];
  spec = Json{
      {"schedule", schedule.cron},
      {"suspend", schedule.suspend},
      {"concurrencyPolicy", "Forbid"},
      {"startingDeadlineSeconds", kStartingDeadlineSeconds},
      {"successfulJobsHistoryLimit", 3},
      {"failedJobsHistoryLimit", 3},
      {"jobTemplate",
       {{"metadata", {{"labels", labels}}},
        {"spec",
         {{"backoffLimit", 2},
          {"ttlSecondsAfterFinished", 86400},
          {"template", {{"metadata", {{"labels", labels}}}, {"spec", std::move(pod_spec)}}}}}}},
  };
  // Said explicitly: without it the time zone of whatever machine the controller-manager runs on would count.
  spec["timeZone"] = schedule.time_zone.empty() ? "Etc/UTC" : schedule.time_zone;
  return object;
}

Json job_pod(const std::string& service_account, const BuildContext& build, Json container) {
  Json spec = pod_basics(service_account, build);
  spec["restartPolicy"] = "Never";
  container["imagePullPolicy"] = "Always";
  container["securityContext"] = container_security_context();
  spec["containers"] = Json::array({std::move(container)});
  return spec;
}

}  // namespace

std::optional<Json> build_pipeline_cron_job(const TeamProvisioning& team,
                                            const BuildContext& build,
                                            const std::string& name) {
  const auto& pipeline = team.spec.pipeline;
  const std::string schedule = domain::schedules_of(team).pipeline;
  if (!pipeline || schedule.empty()) return std::nullopt;
  const std::string& org = team.spec.org_id;
  const std::string& node = team.spec.team_node_id;
  Json container{
      {"name", "ai-pipeline"},
      {"image", pipeline->image.empty() ? build.pipeline_image : pipeline->image},
      {"command", {"python", "-m", "ai_learning_pipeline", "run-scheduled"}},
      {"args", {"--team-id", node, "--org-id", org}},
      {"env", Json::array({env_literal("ORG_ID", org), env_literal("TEAM_NODE_ID", node),
                           env_literal("CONFIG_SERVICE_URL", build.config_service_url)})},
      {"resources", resources_or(pipeline->resources, "500m", "1Gi", "2", "4Gi")},
  };
  return cron_job(team, Slot::PipelineCronJob, name, {schedule, pipeline->time_zone, pipeline->suspend},
                  job_pod(build.pipeline_service_account, build, std::move(container)));
}

std::optional<Json> build_discovery_cron_job(const TeamProvisioning& team,
                                             const BuildContext& build,
                                             const std::string& name) {
  const domain::DependencyDiscovery discovery =
      team.spec.dependency_discovery.value_or(domain::DependencyDiscovery{});
  const std::string schedule = domain::schedules_of(team).dependency_discovery;
  if (schedule.empty()) return std::nullopt;
  const std::string& node = team.spec.team_node_id;
  Json container{
      {"name", "dependency-discovery"},
      {"image", discovery.image.empty() ? build.discovery_image : discovery.image},
      {"command", {"python", "-m", "dependency_service.scripts.run_discovery"}},
      {"args", {"--team-id", node}},
      {"env", Json::array({env_literal("ORG_ID", team.spec.org_id), env_literal("TEAM_ID", node),
                           env_literal("CONFIG_SERVICE_URL", build.config_service_url)})},
      {"resources", resources_or(discovery.resources, "250m", "512Mi", "1", "2Gi")},
  };
  const std::string utc;
  return cron_job(team, Slot::DiscoveryCronJob, name, {schedule, utc, false},
                  job_pod(build.discovery_service_account, build, std::move(container)));
}

}  // namespace tp::provisioner
