#include "gateway/admin/sync_cronjobs.h"

#include <optional>
#include <string>
#include <utility>

#include "base/time.h"
#include "domain/team_provisioning.h"
#include "gateway/admin/fields.h"
#include "gateway/teams/team_parts.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

Json result_of(Json cronjob) {
  if (!cronjob.is_null()) return cronjob;
  return {{"skipped", true}, {"reason", "not_found"}};
}

http::Response answer_to(CronjobsSync sync) {
  using Outcome = CronjobsSync::Outcome;
  const auto answer = [](bool ok, Json ai_pipeline, Json dependency_discovery, const std::string& message) {
    return admin_answer(200, {{"ok", ok},
                              {"ai_pipeline", std::move(ai_pipeline)},
                              {"dependency_discovery", std::move(dependency_discovery)},
                              {"message", message}});
  };
  switch (sync.outcome) {
    case Outcome::Synced:
      return answer(true, result_of(std::move(sync.ai_pipeline)),
                    result_of(std::move(sync.dependency_discovery)), "CronJobs synced");
    case Outcome::Asked:
      return answer(false, nullptr, nullptr, "The operator was asked, and has not come to it yet.");
    case Outcome::Failed: return answer(false, nullptr, nullptr, "Errors: " + sync.error);
    case Outcome::SpecOwned: return answer(false, nullptr, nullptr, "spec_owned");
    case Outcome::NoTeam: break;
  }
  return admin_refusal(404, "team_not_provisioned");
}

void run(const SyncCronjobs& sync, AdminCall& call, const TeamRef& team, const AdminReply& reply) {
  if (auto refusal = call.about(team.org_id, team.team_node_id)) return reply(*std::move(refusal));
  sync(call.ctx, team, [reply](Result<CronjobsSync> synced) {
    reply(synced ? answer_to(*std::move(synced)) : admin_refusal(503, "kubernetes_not_available"));
  });
}

std::vector<Operation::Answer> answers() {
  const Json cronjob = schema::or_null(schema::any_object());
  return {{200, "Whether it was done; if not, why: `spec_owned` if the team's resource has the schedules.",
           schema::object({{"ok", schema::boolean()},
                           {"ai_pipeline", cronjob},
                           {"dependency_discovery", cronjob},
                           {"message", schema::text()}})},
          {404, "The team is not provisioned.", schema::refusal()}};
}

// The CronJob of that schedule, as the former service told of it; null when there is none.
CronjobsSync outcome_of(const std::optional<ProvisioningRun>& run, const TeamResourcePointer& team) {
  using Outcome = CronjobsSync::Outcome;
  if (!run) return {.outcome = Outcome::Asked};
  if (run->status == RunStatus::Failed) return {.outcome = Outcome::Failed, .error = run->error};
  if (!team) return {.outcome = Outcome::NoTeam};
  return {.ai_pipeline = pipeline_cronjob(*team), .dependency_discovery = discovery_cronjob(*team)};
}

}  // namespace

SyncCronjobs sync_by_operator(const TeamCache& teams,
                              Provisioning& provisioning,
                              RunWatch& runs,
                              const Clock& clock) {
  return [&](const Context& ctx, const TeamRef& team, const std::function<void(Result<CronjobsSync>)>& done) {
    using Outcome = CronjobsSync::Outcome;
    if (!teams.synced())
      return done(Error{ErrorCode::Unavailable, "the TeamProvisionings are not listed yet"});
    const TeamResourcePointer resource = teams.find(team);
    if (!resource) return done(CronjobsSync{.outcome = Outcome::NoTeam});
    const auto& pipeline = resource->spec.pipeline;
    if (!pipeline || pipeline->source != domain::ScheduleSource::ConfigService)
      return done(CronjobsSync{.outcome = Outcome::SpecOwned});
    const Edit mark{{"metadata", "annotations", std::string{domain::kRequestedAt}},
                    to_rfc3339_micro(clock.wall_now())};
    const auto begun = provisioning.begin(ctx, {.team = team, .kind = RunKind::Sync, .edits = {mark}});
    if (!begun) return done(begun.error());
    if (begun->refused)
      return done(CronjobsSync{.outcome = Outcome::Failed, .error = begun->refused->message});
    runs.await(begun->run, ctx.deadline, [&teams, team, done](const std::optional<ProvisioningRun>& ended) {
      done(outcome_of(ended, teams.find(team)));
    });
  };
}

AdminRoutes sync_cronjobs_routes(const SyncCronjobs& sync) {
  std::vector<Operation::Answer> of_admins = answers();
  of_admins.push_back({422, "The body is not valid.", schema::invalid()});
  return {
      {.method = http::Method::Post,
       .path = "/api/v1/admin/teams/sync-cronjobs",
       .access = Permission::SyncCronjobs,
       .action = "teams.sync-cronjobs",
       .operation = {.summary = "Have a team's schedules read from its configuration now.",
                     .body = schema::object(
                         {{"org_id", schema::text(1, 64)}, {"team_node_id", schema::text(1, 128)}}),
                     .answers = std::move(of_admins)},
       .handle_later =
           [sync](const std::shared_ptr<AdminCall>& call, const AdminReply& reply) {
             Fields fields{call->request.body};
             const TeamRef team{fields.text("org_id", {1, 64}), fields.text("team_node_id", {1, 128})};
             if (auto refusal = fields.refusal()) return reply(*std::move(refusal));
             run(sync, *call, team, reply);
           }},
      {.method = http::Method::Post,
       .path = "/api/v1/teams/me/sync-cronjobs",
       .access = {},
       .action = "teams.me.sync-cronjobs",
       .operation = {.summary = "Have the schedules of one's own team read from its configuration now.",
                     .answers = answers()},
       .handle_later =
           [sync](const std::shared_ptr<AdminCall>& call, const AdminReply& reply) {
             run(sync, *call, {call->principal.org_id, call->principal.team_node_id}, reply);
           }},
  };
}

}  // namespace tp::gateway
