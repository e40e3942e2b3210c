#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/core/resource.h"
#include "log/log.h"
#include "provisioner/desired/build_context.h"
#include "support/fake_clock.h"
#include "support/manual_rng.h"
#include "support/model/api_server.h"
#include "support/model/calls.h"

namespace tp::test {

// The cluster and the services around it, and an operator that works there until nothing is left to do. It
// dies when `calls` says so; then everything that it had in memory is lost, and a new one starts.
//
// Time passes only between its passes and by its calls.
class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- people

  void apply(const nlohmann::json& team);
  void remove(const kube::ObjectKey& key);

  // ---- the operator

  // Until nothing is left to be done and the cluster stands still. False when that does not come within two
  // hours (of the model).
  [[nodiscard]] bool run();
  // A look at every team by an operator that knows nothing. Afterwards everything must be as it was.
  void restart();
  [[nodiscard]] unsigned lives() const { return lives_; }

  // The team as it is now; null when it is gone.
  [[nodiscard]] nlohmann::json team(const kube::ObjectKey& key) const;
  // Everything that there is, without what differs from one history to another.
  [[nodiscard]] nlohmann::json canonical() const { return kube.canonical(); }

  FakeClock clock;
  Calls calls{clock};
  ModelApiServer kube{calls};
  // A watch brings nothing before the operator has run out of work: the caches are as old as they can be.
  bool late_watches = false;

 private:
  struct Life;

  ManualRng rng_;
  log::Sink sink_;
  provisioner::BuildContext build_;
  std::unique_ptr<Life> life_;
  unsigned lives_ = 0;
};

// A TeamProvisioning as people write it. `spec` is laid over org acme, team checkout.
[[nodiscard]] nlohmann::json team_manifest(const nlohmann::json& spec);
inline const kube::ObjectKey kTeamKey{"incidentfox", "checkout"};

}  // namespace tp::test
