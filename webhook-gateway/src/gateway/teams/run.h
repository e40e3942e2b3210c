#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "gateway/platform/team.h"
#include "gateway/teams/team_cache.h"
#include "kube/core/resource.h"

// A provisioning run: one request for a change to a team's resource, and what came of it.
namespace tp::gateway {

enum class RunKind : std::uint8_t { Provision, Deprovision, Schedules, Sync };
enum class RunStatus : std::uint8_t { Running, Succeeded, Failed };

[[nodiscard]] std::string_view to_string(RunKind kind) noexcept;
[[nodiscard]] std::string_view to_string(RunStatus status) noexcept;
[[nodiscard]] RunKind parse_run_kind(std::string_view name) noexcept;
[[nodiscard]] RunStatus parse_run_status(std::string_view name) noexcept;

struct ProvisioningRun {
  std::string id;  // a UUID; the annotation incidentfox.io/provisioning-run
  TeamRef team;
  RunKind kind = RunKind::Provision;
  RunStatus status = RunStatus::Running;
  nlohmann::json steps = nlohmann::json::object();  // name -> {"ok": bool or null, "phase", "message"}
  std::string error{};
  // What it was about; empty for one that was refused.
  kube::ObjectKey resource{};
  std::string uid{};
  std::int64_t generation = 0;  // of the resource, once it had been changed
};

// How far a run has come.
struct RunProgress {
  RunStatus status = RunStatus::Running;
  nlohmann::json steps = nlohmann::json::object();
  std::string error{};

  friend bool operator==(const RunProgress&, const RunProgress&) = default;
};

// What the run's resource says about it; null: the resource is gone. PURE.
//
// The operator reports on the newest request in status.lastRun. A run that a newer one overtook ends when the
// operator is done with its generation or a later one, as that one did.
[[nodiscard]] RunProgress progress_of(const ProvisioningRun& run, const TeamResource* resource);

}  // namespace tp::gateway
