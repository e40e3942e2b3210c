#include "gateway/teams/run.h"

#include <algorithm>
#include <array>

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using domain::RunPhase;

constexpr std::array<std::string_view, 4> kKinds{"provision", "deprovision", "schedules", "sync"};
constexpr std::array<std::string_view, 3> kStatuses{"running", "succeeded", "failed"};

template <class T, std::size_t N>
T parse(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto* const at = std::find(names.begin(), names.end(), name);
  return static_cast<T>(at == names.end() ? 0 : at - names.begin());
}

RunStatus status_of(RunPhase phase) {
  switch (phase) {
    case RunPhase::Running: return RunStatus::Running;
    case RunPhase::Succeeded: return RunStatus::Succeeded;
    case RunPhase::Failed: break;
  }
  return RunStatus::Failed;
}

Json steps_of(const domain::LastRun& last) {
  Json steps = Json::object();
  for (const domain::RunStep& step : last.steps) {
    const Json done = step.phase == RunPhase::Running ? Json{} : Json(step.phase == RunPhase::Succeeded);
    steps[step.name] = {{"ok", done}, {"phase", to_string(step.phase)}, {"message", step.message}};
  }
  return steps;
}

}  // namespace

std::string_view to_string(RunKind kind) noexcept { return kKinds.at(static_cast<std::size_t>(kind)); }
std::string_view to_string(RunStatus status) noexcept {
  return kStatuses.at(static_cast<std::size_t>(status));
}
RunKind parse_run_kind(std::string_view name) noexcept { return parse<RunKind>(kKinds, name); }
RunStatus parse_run_status(std::string_view name) noexcept { return parse<RunStatus>(kStatuses, name); }

RunProgress progress_of(const ProvisioningRun& run, const TeamResource* resource) {
  const bool leaving = run.kind == RunKind::Deprovision;
  if (resource == nullptr) {
    if (leaving) return {RunStatus::Succeeded, run.steps, {}};
    return {RunStatus::Failed, run.steps, "the team was deprovisioned"};
  }
  const auto& last = resource->status.last_run;
  if (!last) return {RunStatus::Running, run.steps, {}};
  const bool own = last->id == run.id;
  // Only its resource's end is the end of a deprovisioning.
  if (leaving) return {RunStatus::Running, own ? steps_of(*last) : run.steps, {}};
  const bool overtaken = resource->provisioning_run != run.id && last->generation >= run.generation;
  if (!own && !overtaken) return {RunStatus::Running, run.steps, {}};
  const RunStatus status = status_of(last->phase);
  return {status, steps_of(*last), status == RunStatus::Failed ? last->error : std::string{}};
}

}  // namespace tp::gateway
