#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "kube/core/resource.h"
#include "kube/events/event.h"
#include "log/log.h"
#include "provisioner/desired/build_context.h"
#include "support/fake_clock.h"
#include "support/model/api_server.h"
#include "support/model/calls.h"
#include "support/model/config_service.h"
#include "support/model/pipeline.h"

namespace tp::test {

// The same numbers in every run (splitmix64).
class SequenceRng final : public Rng {
 public:
  [[nodiscard]] std::uint64_t next() override {
    std::uint64_t x = state_ += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31U);
  }

 private:
  std::uint64_t state_ = 0;
};

// Everything that was ever told.
struct Told final : kube::EventSink {
  void announce(kube::Event event) override { events.push_back(std::move(event)); }

  std::vector<kube::Event> events;
};

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
  void annotate(const kube::ObjectKey& key, const std::string& annotation, const std::string& value);
  void remove(const kube::ObjectKey& key);

  // ---- the operator

  // Until nothing is left to be done soon and the cluster stands still. False when that does not come within
  // two hours (of the model).
  [[nodiscard]] bool run();
  // Whatever is to be done within this time.
  void pass(std::chrono::milliseconds time);
  // The same, and then until it is calm.
  [[nodiscard]] bool run_for(std::chrono::milliseconds time);
  // Until so many calls were made, or the operator died, or it is calm. False as run().
  [[nodiscard]] bool run_until_call(std::size_t count);
  // An operator that knows nothing takes over.
  void restart();

  // The team as it is now; null when it is gone.
  [[nodiscard]] nlohmann::json team(const kube::ObjectKey& key) const;
  // Everything that there is, without what differs between two histories that came to the same end. Tokens
  // are told apart only by whether they are live.
  [[nodiscard]] nlohmann::json canonical();
  // What was wrong at some moment, in words: an agent's URL that leads nowhere, or a token that nobody would
  // take back.
  [[nodiscard]] const std::vector<std::string>& violations();

  FakeClock clock;
  Calls calls{clock};
  ModelApiServer kube{calls};
  ModelConfigService config{calls};
  ModelPipeline pipeline{calls};
  Told told;
  // A watch brings nothing before the operator has run out of work: the caches are as old as they can be.
  bool late_watches = false;
  // Whether the operator looks after teams in the services around the cluster; for its next life.
  bool platform = false;
  // The team's deletion policy lets its token live on.
  bool may_leave_tokens = false;

 private:
  struct Life;
  // One step; false when nothing is left to be done before `until`.
  [[nodiscard]] bool step(SteadyTime until);

  void look();

  SequenceRng rng_;
  std::vector<std::string> violations_;
  log::Sink sink_;
  std::unique_ptr<Life> life_;
};

// A TeamProvisioning as people write it. `spec` is laid over org acme, team checkout.
[[nodiscard]] nlohmann::json team_manifest(const nlohmann::json& spec);
inline const kube::ObjectKey kTeamKey{"incidentfox", "checkout"};

}  // namespace tp::test
