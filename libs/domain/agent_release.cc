#include "domain/agent_release.h"

#include <tuple>
#include <utility>

#include "domain/field_reader.h"
#include "domain/resource_head.h"
#include "domain/team_schema.h"

namespace tp::domain {
namespace {

ReleaseSpec read_spec(const FieldReader& fields) {
  const ReleaseSpec defaults;
  return {.agent_image = fields.text("agentImage"),
          .pipeline_image = fields.text("pipelineImage"),
          .discovery_image = fields.text("discoveryImage"),
          .container_port = fields.number("containerPort", defaults.container_port),
          .env = fields.env(),
          .progress_deadline = fields.duration("progressDeadline", defaults.progress_deadline),
          .auto_rollback = fields.boolean("autoRollback").value_or(defaults.auto_rollback)};
}

// Only we write it.
ReleaseProgress read_progress(json::View status) {
  const ReleaseProgress defaults;
  const auto number = [&](std::string_view name, std::int64_t fallback) {
    return status[name].integer().value_or(fallback);
  };
  return {.observed_generation = number("observedGeneration", defaults.observed_generation),
          .is_default = status["default"].boolean().value_or(false),
          .teams = number("teams", 0),
          .wanted = number("wantedTeams", 0),
          .progressing = number("progressingTeams", 0),
          .failed = number("failedTeams", 0)};
}

}  // namespace

Result<AgentRelease> parse_release(json::View object, bool manifest) {
  AgentRelease release;
  TP_ASSIGN_OR_RETURN(release.meta, read_head(object, kAgentReleases, manifest));
  release.errors = check(release_schema(), object, "");
  release.marked_default = object["metadata"]["annotations"][kIsDefaultRelease].text() == "true";
  release.spec =
      read_spec(FieldReader{property(release_schema(), "spec"), object["spec"], "spec", release.errors});
  release.status = read_progress(object["status"]);
  return release;
}

nlohmann::json progress_to_json(const ReleaseProgress& progress) {
  return {{"observedGeneration", progress.observed_generation},
          {"default", progress.is_default},
          {"teams", progress.teams},
          {"wantedTeams", progress.wanted},
          {"progressingTeams", progress.progressing},
          {"failedTeams", progress.failed}};
}

bool newer(const AgentRelease& a, const AgentRelease& b) noexcept {
  return std::tie(a.meta.created, a.meta.key.name) > std::tie(b.meta.created, b.meta.key.name);
}

}  // namespace tp::domain
