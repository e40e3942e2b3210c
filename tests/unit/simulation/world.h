#pragma once

#include <array>
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

// When the operator hears of what happens.
enum class Watches {
  Prompt,  // of everything, before it does anything else
  Late,    // of nothing before it has run out of work: its caches are as old as they can be
  Listed,  // as late, and then by a new listing: what has changed twice has changed once, and what was
           // deleted and made again has changed
  Frozen,  // of one kind late, of all others promptly: its caches are of different ages
};
inline constexpr std::array kAllWatches{Watches::Prompt, Watches::Late, Watches::Listed, Watches::Frozen};

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
  // What was wrong at some moment, in words: an agent's URL that leads nowhere, a token that nobody would
  // take back or that was taken back too early, an image of a release that the status does not name, a status
  // that breaks the rules of conditions.
  [[nodiscard]] const std::vector<std::string>& violations();

  FakeClock clock;
  Calls calls{clock};
  ModelApiServer kube{calls};
  ModelConfigService config{calls};
  ModelPipeline pipeline{calls};
  Told told;
  Watches watches = Watches::Prompt;
  std::size_t frozen = 0;  // which of the watches, modulo their number
  // Whether the operator looks after teams in the services around the cluster; for its next life.
  bool platform = false;
  // The team's deletion policy lets its token live on.
  bool may_leave_tokens = false;

 private:
  struct Life;
  // One step; false when nothing is left to be done before `until`.
  [[nodiscard]] bool step(SteadyTime until);

  // Brings what is brought to an operator that has run out of work.
  [[nodiscard]] bool catch_up();

  void look();
  // At what the last call has done.
  void judge_last_call();
  void judge_status();
  void judge_revocation();
  void judge_image();

  SequenceRng rng_;
  std::int64_t observed_generation_ = -1;
  std::string observed_uid_;
  std::vector<std::string> violations_;
  log::Sink sink_;
  std::unique_ptr<Life> life_;
};

// A TeamProvisioning as people write it. `spec` is laid over org acme, team checkout.
[[nodiscard]] nlohmann::json team_manifest(const nlohmann::json& spec);
inline const kube::ObjectKey kTeamKey{"incidentfox", "checkout"};

}  // namespace tp::test
