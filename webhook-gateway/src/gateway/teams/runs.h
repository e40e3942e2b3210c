#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"
#include "gateway/teams/run.h"
#include "postgres/pool.h"

namespace tp::gateway {

// Provisioning runs in the database, which is their one truth: any number of processes may serve them.
// Thread-safe. Errors are the database's, besides those that are named.
class ProvisioningRuns {
 public:
  // `pool` must outlive it.
  explicit ProvisioningRuns(postgres::Pool& pool) : pool_(pool) {}

  struct NewRun {
    std::string id;  // a new UUID
    TeamRef team;
    RunKind kind = RunKind::Provision;
    std::string key{};   // the caller's idempotency key; empty: none
    std::string hash{};  // of what is asked for: a key stands for one request
  };
  struct Begun {
    ProvisioningRun run;
    bool replayed = false;           // the key was used before: this is the run of then
    bool other_body = false;         // and for another request
    std::optional<Error> refused{};  // the act failed for good, and the run with it
  };
  // Does what is to be done to the team's resource, and says which it is.
  using Act = std::function<Result<TeamResourcePointer>(const Context& ctx)>;

  // Records a run and performs `act`, unless the key has a run already. Requests about one team come one
  // after the other, in all processes; a connection is held for as long as `act` takes, one of each team at
  // most.
  //
  // An error of `act` that another try could not mend is recorded with the run, which has failed then; after
  // any other nothing is recorded. ResourceExhausted: others of this team took too long.
  [[nodiscard]] Result<Begun> begin(const Context& ctx, const NewRun& run, const Act& act);

  // Nothing when there is no such run; `id` may be anything.
  [[nodiscard]] Result<std::optional<ProvisioningRun>> get(const Context& ctx, std::string_view id) const;
  // Those that have not ended, oldest first.
  [[nodiscard]] Result<std::vector<ProvisioningRun>> open(const Context& ctx) const;
  // Records how far it has come. Answers whether that was news: a run ends once.
  [[nodiscard]] Result<bool> update(const Context& ctx,
                                    std::string_view id,
                                    const RunProgress& progress) const;

  // Claims the right to show the token of the resource that the run was about. True once for each resource,
  // whoever asks, and however often.
  [[nodiscard]] Result<bool> claim_token(const Context& ctx, std::string_view id) const;

 private:
  [[nodiscard]] Result<Begun> begin_in(const Context& ctx,
                                       postgres::Connection& database,
                                       const NewRun& asked,
                                       const Act& act) const;
  // One request about a team at a time; the others wait here, and not with a connection in their hands.
  class Turn;

  postgres::Pool& pool_;
  Mutex m_;
  CondVar changed_;
  std::set<TeamRef> busy_ TP_GUARDED_BY(m_);
};

}  // namespace tp::gateway
