#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "gateway/admin/frame.h"
#include "gateway/admin/provisioning_requests.h"
#include "gateway/platform/chores.h"
#include "gateway/teams/provisioning.h"
#include "kube/client/api_client.h"
#include "log/log.h"

namespace tp::gateway {

// The admin API's routes about teams: provision, deprovision, schedules, runs, and what a team has. A change
// is written to the team's TeamProvisioning; the answer is given when the operator has carried it out, or
// after ?wait=SECONDS with 202 and the run's id. Nobody's thread waits meanwhile. Thread-safe.
class ProvisioningApi {
 public:
  // All must outlive it.
  ProvisioningApi(Provisioning& provisioning,
                  ProvisioningRuns& runs,
                  RunWatch& watch,
                  TeamCache& cache,
                  kube::ApiClient& api,
                  const Clock& clock,
                  log::Logger log);

  [[nodiscard]] AdminRoutes routes();

 private:
  using CallPointer = std::shared_ptr<AdminCall>;
  using Body = std::function<nlohmann::json(const Context& ctx, const ProvisioningRun& run)>;

  void provision(const CallPointer& call, const AdminReply& reply);
  void deprovision(const CallPointer& call, const AdminReply& reply);
  void schedules(const CallPointer& call, const AdminReply& reply);
  [[nodiscard]] Result<http::Response> get_run(AdminCall& call) const;
  [[nodiscard]] Result<http::Response> deployment(AdminCall& call) const;
  [[nodiscard]] Result<http::Response> pipeline(AdminCall& call) const;

  // Begins a run, waits for its end, and answers with `body` of it.
  void run(const CallPointer& call,
           const AdminReply& reply,
           const ProvisioningRequest& request,
           const Body& body);
  void reply_later(const AdminReply& reply, const ProvisioningRun& run, const Body& body);
  [[nodiscard]] http::Response unavailable(const Error& error, const std::string& request_id) const;
  [[nodiscard]] nlohmann::json provisioned(const Context& ctx, const ProvisioningRun& run);
  // The token, the first time that there is one.
  [[nodiscard]] nlohmann::json token_of(const Context& ctx,
                                        const ProvisioningRun& run,
                                        const TeamResource& resource);
  // The live object of the team's inventory; missing (null) when there is none.
  [[nodiscard]] Result<nlohmann::json> live(const Context& ctx,
                                            const kube::ResourceType& type,
                                            const std::string& ns,
                                            const std::string& name) const;

  Provisioning& provisioning_;
  ProvisioningRuns& runs_;
  RunWatch& watch_;
  TeamCache& cache_;
  kube::ApiClient& api_;
  const Clock& clock_;
  const log::Logger log_;
  Chores answers_;  // last
};

}  // namespace tp::gateway
