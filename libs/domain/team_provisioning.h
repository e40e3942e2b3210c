#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "kube/core/condition.h"
#include "kube/core/object_meta.h"
#include "kube/core/resource.h"

namespace tp::domain {

inline constexpr kube::ResourceType kTeamProvisionings{"incidentfox.io", "v1alpha1", "teamprovisionings",
                                                       "TeamProvisioning"};
inline constexpr std::string_view kFinalizer = "incidentfox.io/team-operator";
// Annotations. A value that differs from the one that was handled last is a request.
inline constexpr std::string_view kRequestedAt = "incidentfox.io/requestedAt";   // look at everything now
inline constexpr std::string_view kRotateToken = "incidentfox.io/rotate-token";  // issue a new token
inline constexpr std::string_view kBootstrap = "incidentfox.io/bootstrap";       // bootstrap once more
inline constexpr std::string_view kPaused = "incidentfox.io/paused";             // "true": as spec.suspend
inline constexpr std::string_view kProvisioningRun =
    "incidentfox.io/provisioning-run";  // id of status.lastRun

// The resource as plain values, as small as they can be: a cache holds ten thousand of them. The schema in
// crds/ is the contract; every field here has the name, meaning and default that it has there. Parts that are
// passed on to Kubernetes as they are (resources, affinity, …) stay JSON.

// A Kubernetes ResourceRequirements: {"requests":{…},"limits":{…}}; null when absent.
using Resources = nlohmann::json;

enum class RuntimeMode : std::uint8_t { Shared, Dedicated };
enum class ChildrenPolicy : std::uint8_t { Delete, Orphan };
// What is taken back in the Config Service when the team goes: tokens, owned routing and the agent's URL;
// only the URL, if its Deployment goes; or the first and every owned configuration key.
enum class ConfigPolicy : std::uint8_t { Withdraw, Retain, Clear };
enum class AuthMode : std::uint8_t { Token, Oidc };
// Who decides on the schedules: the resource, or the team's effective configuration.
enum class ScheduleSource : std::uint8_t { Spec, ConfigService };
enum class BootstrapPolicy : std::uint8_t { Once, Never };
enum class KnowledgeSeed : std::uint8_t { Empty, Sources };
enum class WriteTools : std::uint8_t { Disabled, Approved };

// The kinds of identifiers that lead events to a team.
enum class RoutingKind : std::uint8_t {
  SlackChannel,
  GitHubRepository,
  PagerDutyService,
  IncidentIoTeam,
  IncidentIoAlertSource,
  CoralogixTeam,
  Service,
};

struct RoutingKindNames {
  std::string_view field;       // of spec.routing
  std::string_view config_key;  // of `routing` in the Config Service
};

inline constexpr std::array<RoutingKindNames, 7> kRoutingKinds{{
    {"slackChannelIds", "slack_channel_ids"},
    {"githubRepositories", "github_repos"},
    {"pagerdutyServiceIds", "pagerduty_service_ids"},
    {"incidentioTeamIds", "incidentio_team_ids"},
    {"incidentioAlertSourceIds", "incidentio_alert_source_ids"},
    {"coralogixTeamNames", "coralogix_team_names"},
    {"services", "services"},
}};

// By RoutingKind. A list that is absent is not ours and is left alone; one that is there is owned exactly.
using Routing = std::array<std::optional<std::vector<std::string>>, kRoutingKinds.size()>;

struct TokenSpec {
  std::string secret_name{};                                  // empty: a name is made from the ids
  std::chrono::seconds rotation_interval{};                   // 0: never
  std::chrono::seconds grace_period{std::chrono::hours{24}};  // that a replaced token stays valid

  friend bool operator==(const TokenSpec&, const TokenSpec&) = default;
};

struct Governance {
  WriteTools write_tools = WriteTools::Disabled;
  std::string approved_by{};
  std::string audit_sink_url{};     // empty: none
  std::string audit_sink_secret{};  // Secret whose key `token` the agent sends there; empty: none
  std::vector<std::string> regions{};
  std::vector<std::string> egress_cidrs{};

  friend bool operator==(const Governance&, const Governance&) = default;
};

struct KnowledgeBase {
  KnowledgeSeed seed = KnowledgeSeed::Empty;
  std::vector<std::string> sources{};

  friend bool operator==(const KnowledgeBase&, const KnowledgeBase&) = default;
};

// What the team has in the services around the cluster.
struct PlatformSpec {
  std::string display_name{};
  std::string parent_node_id{};
  Routing routing{};
  nlohmann::json config{};  // object, or null
  AuthMode auth = AuthMode::Token;
  TokenSpec token{};
  std::optional<Governance> governance{};
  std::optional<KnowledgeBase> knowledge_base{};
  ConfigPolicy deletion = ConfigPolicy::Withdraw;
  std::chrono::seconds drift_interval{};  // 0: the operator's

  friend bool operator==(const PlatformSpec&, const PlatformSpec&) = default;
};

struct Pipeline {
  ScheduleSource source = ScheduleSource::Spec;
  BootstrapPolicy bootstrap = BootstrapPolicy::Once;
  std::string schedule{};  // empty: no CronJob
  std::string time_zone{};
  bool suspend = false;
  std::string image{};
  Resources resources{};

  friend bool operator==(const Pipeline&, const Pipeline&) = default;
};

struct DependencyDiscovery {
  bool enabled = true;  // where it is absent
  std::string schedule{};
  std::string image{};
  Resources resources{};

  friend bool operator==(const DependencyDiscovery&, const DependencyDiscovery&) = default;
};

struct EnvVar {
  std::string name{};
  std::string value{};  // when secret_name is empty
  std::string secret_name{}, secret_key{};
  bool optional = false;

  friend bool operator==(const EnvVar&, const EnvVar&) = default;
};

// NOLINTNEXTLINE(bugprone-exception-escape): a json that is null allocates nothing
// Bounds for a HorizontalPodAutoscaler. Targets are percentages of what is requested; 0: none.
struct Autoscaling {
  std::int64_t min_replicas = 1;
  std::int64_t max_replicas = 1;
  std::int64_t cpu_percent = 0;
  std::int64_t memory_percent = 0;

  friend bool operator==(const Autoscaling&, const Autoscaling&) = default;
};

struct DedicatedRuntime {
  std::int64_t replicas = 1;
  Resources resources{};
  std::string image{};
  std::int64_t container_port = 0;  // 0: the release's, or the default
  std::vector<EnvVar> env{};
  nlohmann::json node_selector{};  // map, or null
  nlohmann::json tolerations{};    // list, or null
  nlohmann::json affinity{};       // core/v1 Affinity, or null
  nlohmann::json
      topology_spread{};  // list of core/v1 TopologySpreadConstraint without labelSelector, or null
  std::string priority_class_name{};
  nlohmann::json disruption_budget{};  // {"minAvailable": …} or {"maxUnavailable": …}, or null
  bool network_isolation = false;
  std::optional<Autoscaling> autoscaling{};

  friend bool operator==(const DedicatedRuntime&, const DedicatedRuntime&) = default;
};

struct TeamSpec {
  std::string org_id{};
  std::string team_node_id{};
  std::string release{};  // name of an AgentRelease; empty: the default one
  std::optional<Pipeline> pipeline{};
  std::optional<DependencyDiscovery> dependency_discovery{};
  RuntimeMode mode = RuntimeMode::Shared;
  std::shared_ptr<const DedicatedRuntime> dedicated{};  // null: all defaults. Shared between copies
  std::shared_ptr<const PlatformSpec> platform{};       // null: all defaults
  ChildrenPolicy children = ChildrenPolicy::Delete;
  bool suspend = false;
};

struct InventoryEntry {
  std::string api_version{}, kind{}, name{}, uid{};

  friend bool operator==(const InventoryEntry&, const InventoryEntry&) = default;
  friend bool operator<(const InventoryEntry& a, const InventoryEntry& b) {
    return std::tie(a.api_version, a.kind, a.name, a.uid) < std::tie(b.api_version, b.kind, b.name, b.uid);
  }
};

// Written before a token is asked for, so that one whose answer was lost can be found and revoked. Kept after
// the answer came, because the service may commit late.
struct TokenIntent {
  WallTime since{};                  // of the first try
  WallTime attempted{};              // of the last
  std::vector<std::string> known{};  // ids of the team's live tokens before it
  bool open = false;                 // no token of it is known to be in the Secret

  friend bool operator==(const TokenIntent&, const TokenIntent&) = default;
};

struct RetiringToken {
  std::string id{};
  WallTime revoke_at{};

  friend bool operator==(const RetiringToken&, const RetiringToken&) = default;
};

struct TokenStatus {
  std::string id{};  // of the one in the Secret; empty: none yet
  WallTime issued_at{};
  std::vector<RetiringToken> retiring{};  // replaced, and still valid
  std::optional<TokenIntent> intent{};
  std::string last_handled_rotation{};  // annotation kRotateToken

  friend bool operator==(const TokenStatus&, const TokenStatus&) = default;
};

struct BootstrapStatus {
  std::string key{};                       // sent as Idempotency-Key
  std::string run_id{};                    // of the pipeline; empty: not done
  std::string last_handled_request{};      // annotation kBootstrap
  std::string knowledge_base_namespace{};  // where the team's knowledge is

  friend bool operator==(const BootstrapStatus&, const BootstrapStatus&) = default;
};

// As read from the team's effective configuration, for source ConfigService. Empty: none.
struct ResolvedSchedules {
  std::string pipeline{};
  std::string dependency_discovery{};

  friend bool operator==(const ResolvedSchedules&, const ResolvedSchedules&) = default;
};

enum class RunPhase : std::uint8_t { Running, Succeeded, Failed };

struct RunStep {
  std::string name{};
  RunPhase phase = RunPhase::Running;
  std::string message{};

  friend bool operator==(const RunStep&, const RunStep&) = default;
};

// What came of the newest generation of the spec.
struct LastRun {
  std::string id{};
  std::int64_t generation = 0;
  RunPhase phase = RunPhase::Running;
  std::vector<RunStep> steps{};
  std::string started_at{}, completed_at{};  // RFC 3339
  std::string error{};

  friend bool operator==(const LastRun&, const LastRun&) = default;
};

// What the operator remembers of its work in the services around the cluster.
struct PlatformStatus {
  std::string token_secret{};  // name of the Secret, once it holds a token
  TokenStatus token{};
  BootstrapStatus bootstrap{};
  std::optional<ResolvedSchedules> schedules{};
  std::vector<std::string> owned_keys{};  // dotted paths in the team's configuration that we set; sorted
  std::string pending_patch{};            // digest of a change that waits for approval there
  std::string synced_config{};            // digest of what was last found in place there; empty: never
  std::string published_url{};            // agent.dedicated_service_url, while it is our doing

  friend bool operator==(const PlatformStatus&, const PlatformStatus&) = default;
};

enum class ReleasePhase : std::uint8_t { Progressing, Complete, RolledBack };

// Which AgentRelease the team's children are made from, and how it came to that. An empty name stands for the
// operator's own images.
struct ReleaseStatus {
  std::string active{};
  std::string previous{};  // the last one that worked before it
  ReleasePhase phase = ReleasePhase::Complete;
  // With RolledBack: the release that failed, and the generation of the spec with which it did.
  std::string failed{};
  std::int64_t failed_generation = 0;

  friend bool operator==(const ReleaseStatus&, const ReleaseStatus&) = default;
};

struct TeamStatus {
  std::int64_t observed_generation = -1;
  kube::Conditions conditions{};
  std::string service_url{};
  std::string last_handled_reconcile_at{};
  std::vector<InventoryEntry> inventory{};  // sorted
  std::optional<LastRun> last_run{};
  std::shared_ptr<const ReleaseStatus> release{};    // null: no release ever
  std::shared_ptr<const PlatformStatus> platform{};  // null: nothing to remember
};

struct TeamProvisioning {
  kube::ObjectMeta meta{};
  int finalizer_index = -1;    // of ours in metadata.finalizers; -1: absent
  WallTime deleted{};          // deletionTimestamp, while meta.deleting
  bool paused = false;         // annotation kPaused
  std::string requested_at{};  // annotation kRequestedAt, and so on
  std::string rotate_token{};
  std::string bootstrap{};
  std::string provisioning_run{};
  TeamSpec spec{};
  TeamStatus status{};
};

[[nodiscard]] std::string_view to_string(RuntimeMode mode) noexcept;
[[nodiscard]] std::string_view to_string(RunPhase phase) noexcept;
[[nodiscard]] std::string_view to_string(ReleasePhase phase) noexcept;

// What the team asked of the services, or all defaults.
[[nodiscard]] const PlatformSpec& platform_of(const TeamSpec& spec) noexcept;
[[nodiscard]] const PlatformStatus& platform_of(const TeamStatus& status) noexcept;
[[nodiscard]] const ReleaseStatus& release_of(const TeamStatus& status) noexcept;

// The schedules in force: those of the spec, or those that were read from the Config Service. None for
// discovery when it is turned off.
[[nodiscard]] ResolvedSchedules schedules_of(const TeamProvisioning& team);

// Of two resources for one team the older one owns it (creationTimestamp, then uid).
[[nodiscard]] bool older(const TeamProvisioning& a, const TeamProvisioning& b) noexcept;

// Comparison by content, following pointers.
[[nodiscard]] bool operator==(const TeamStatus& a, const TeamStatus& b);
[[nodiscard]] bool operator==(const TeamSpec& a, const TeamSpec& b);
[[nodiscard]] bool operator==(const TeamProvisioning& a, const TeamProvisioning& b);

}  // namespace tp::domain
