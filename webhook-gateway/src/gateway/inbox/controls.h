#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "postgres/pool.h"

namespace tp::gateway {

// What people may turn, for everything that its names match; an empty name stands for all.
struct Control {
  std::string source{};
  std::string org_id{};
  std::string team_node_id{};  // only with an org
  bool paused = false;         // no run is started; events are kept
  std::optional<int>
      runs_per_hour{};  // of each team, in place of the configured number; 0 pauses. Not of a source
  std::string changed_by{};
  WallTime changed_at{};  // set by the database
};

// Thread-safe. Errors are the database's.
class Controls {
 public:
  explicit Controls(postgres::Pool& pool) : pool_(pool) {}

  // All, or those that concern an org: its own, and the platform's.
  [[nodiscard]] Result<std::vector<Control>> list(const Context& ctx, const std::string& org_id) const;
  // Sets what holds for these names; one that says nothing is taken away. The teams that it concerns have a
  // turn at once. InvalidArgument for what no control can be.
  [[nodiscard]] Status put(const Context& ctx, const Control& control) const;

 private:
  postgres::Pool& pool_;
};

// Where the admin role sees a team's agent. The worker calls no other address for the team.
struct RuntimeRecord {
  std::string org_id;
  std::string team_node_id;
  std::string service_url{};  // of the team's own agent; empty: none
  bool ready = false;
  std::string mode{"dedicated"};  // or "shared"
  bool purge = false;             // what senders wrote about the team goes when its resource goes
  std::string ns{};               // of its resource; empty: not known

  friend bool operator==(const RuntimeRecord&, const RuntimeRecord&) = default;
};

// Thread-safe. Errors are the database's.
class TeamRuntimes {
 public:
  explicit TeamRuntimes(postgres::Pool& pool) : pool_(pool) {}

  [[nodiscard]] Result<std::optional<RuntimeRecord>> find(const Context& ctx,
                                                          const std::string& org_id,
                                                          const std::string& team_node_id) const;
  [[nodiscard]] Result<std::vector<RuntimeRecord>> list(const Context& ctx) const;
  [[nodiscard]] Status put(const Context& ctx, const RuntimeRecord& runtime) const;
  [[nodiscard]] Status remove(const Context& ctx,
                              const std::string& org_id,
                              const std::string& team_node_id) const;

 private:
  postgres::Pool& pool_;
};

}  // namespace tp::gateway
