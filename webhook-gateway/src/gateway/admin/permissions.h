#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tp::gateway {

// What a principal of the admin API may be allowed to do.
enum class Permission : std::uint8_t {
  ProvisionTeam,
  ProvisionRead,
  DeprovisionTeam,
  Schedules,
  AgentRun,
  PipelineTrigger,
  SyncCronjobs,
  DeploymentRead,
  PipelineRead,
  EventsRead,
  EventsReplay,
  Controls,
  AuditRead,
};

// Whom a route is for: administrators with that permission; none: the bearer of a team's own token that can
// write.
using Access = std::optional<Permission>;

struct PermissionRule {
  Permission permission;
  std::string_view name;  // as principals have it; another one may be set (AdminAuth::Settings)
  std::string_view not_admin = "Insufficient permissions";  // what is said to who is no administrator
};

inline constexpr std::array<PermissionRule, 13> kPermissions{{
    {Permission::ProvisionTeam, "admin:provision", "Admin role required"},
    {Permission::ProvisionRead, "admin:provision:read", "Admin role required"},
    {Permission::DeprovisionTeam, "admin:deprovision"},
    {Permission::Schedules, "admin:schedules"},
    {Permission::AgentRun, "admin:agent:run", "Admin role required"},
    {Permission::PipelineTrigger, "admin:pipeline:trigger"},
    {Permission::SyncCronjobs, "admin:cronjobs:sync"},
    {Permission::DeploymentRead, "admin:deployment:read"},
    {Permission::PipelineRead, "admin:pipeline:read"},
    {Permission::EventsRead, "admin:events:read"},
    {Permission::EventsReplay, "admin:events:replay"},
    {Permission::Controls, "admin:controls"},
    {Permission::AuditRead, "admin:audit:read"},
}};

[[nodiscard]] constexpr const PermissionRule& rule_of(Permission permission) noexcept {
  return kPermissions.at(static_cast<std::size_t>(permission));
}

}  // namespace tp::gateway
