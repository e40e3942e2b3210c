#include "domain/team_provisioning.h"

namespace tp::domain {
namespace {

template <class T>
bool same(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a && b && *a == *b);
}

// Null is all defaults.
template <class Part>
bool same_platform(const Part& a, const Part& b) {
  return a.platform == b.platform || platform_of(a) == platform_of(b);
}

}  // namespace

std::string_view to_string(RuntimeMode mode) noexcept {
  return mode == RuntimeMode::Dedicated ? "Dedicated" : "Shared";
}

std::string_view to_string(RunPhase phase) noexcept {
  switch (phase) {
    case RunPhase::Running: return "Running";
    case RunPhase::Succeeded: return "Succeeded";
    case RunPhase::Failed: break;
  }
  return "Failed";
}

std::string_view to_string(ReleasePhase phase) noexcept {
  switch (phase) {
    case ReleasePhase::Progressing: return "Progressing";
    case ReleasePhase::Complete: return "Complete";
    case ReleasePhase::RolledBack: break;
  }
  return "RolledBack";
}

const PlatformSpec& platform_of(const TeamSpec& spec) noexcept {
  static const PlatformSpec kDefaults;
  return spec.platform ? *spec.platform : kDefaults;
}

const PlatformStatus& platform_of(const TeamStatus& status) noexcept {
  static const PlatformStatus kNothing;
  return status.platform ? *status.platform : kNothing;
}

const ReleaseStatus& release_of(const TeamStatus& status) noexcept {
  static const ReleaseStatus kNone;
  return status.release ? *status.release : kNone;
}

ResolvedSchedules schedules_of(const TeamProvisioning& team) {
  const auto& pipeline = team.spec.pipeline;
  const auto& discovery = team.spec.dependency_discovery;
  const bool elsewhere = pipeline && pipeline->source == ScheduleSource::ConfigService;
  ResolvedSchedules schedules =
      elsewhere ? platform_of(team.status).schedules.value_or(ResolvedSchedules{})
                : ResolvedSchedules{.pipeline = pipeline ? pipeline->schedule : "",
                                    .dependency_discovery = discovery ? discovery->schedule : ""};
  if (discovery && !discovery->enabled) schedules.dependency_discovery.clear();
  return schedules;
}

bool operator==(const TeamSpec& a, const TeamSpec& b) {
  return same(a.dedicated, b.dedicated) && same_platform(a, b) && a.org_id == b.org_id &&
         a.team_node_id == b.team_node_id && a.release == b.release && a.pipeline == b.pipeline &&
         a.dependency_discovery == b.dependency_discovery && a.mode == b.mode && a.children == b.children &&
         a.suspend == b.suspend;
}

bool older(const TeamProvisioning& a, const TeamProvisioning& b) noexcept {
  return std::tie(a.meta.created, a.meta.uid) < std::tie(b.meta.created, b.meta.uid);
}

bool operator==(const TeamStatus& a, const TeamStatus& b) {
  return same_platform(a, b) && a.observed_generation == b.observed_generation &&
         a.conditions == b.conditions && a.service_url == b.service_url &&
         a.last_handled_reconcile_at == b.last_handled_reconcile_at && a.inventory == b.inventory &&
         a.last_run == b.last_run && same(a.release, b.release);
}

bool operator==(const TeamProvisioning& a, const TeamProvisioning& b) {
  return a.meta == b.meta && a.finalizer_index == b.finalizer_index && a.deleted == b.deleted &&
         a.paused == b.paused && a.requested_at == b.requested_at && a.rotate_token == b.rotate_token &&
         a.bootstrap == b.bootstrap && a.provisioning_run == b.provisioning_run && a.spec == b.spec &&
         a.status == b.status;
}

}  // namespace tp::domain
