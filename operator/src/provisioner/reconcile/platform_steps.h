#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "log/log.h"
#include "platform/pipeline.h"
#include "provisioner/platform/config_service.h"
#include "provisioner/reconcile/observed.h"
#include "provisioner/reconcile/plan.h"
#include "provisioner/reconcile/token_vault.h"

namespace tp::provisioner {

// An Event about the team, for `kubectl describe`.
struct Announcement {
  bool warning = false;
  std::string reason;  // CamelCase
  std::string note;

  friend bool operator==(const Announcement&, const Announcement&) = default;
};

// How one step stands.
struct StepVerdict {
  enum class State { Done, Waiting, Failed };  // Failed: somebody must act
  State state = State::Done;
  std::string reason;  // CamelCase
  std::string message;
};

enum class Attention : std::uint8_t {
  None,       // everything was in place
  Postponed,  // there was work, and no place in the bulkhead: the team is called when there is
  Given,
};

// What the steps of one pass came to, and what is to be remembered of them.
struct PlatformReport {
  domain::PlatformStatus memory{};
  // Nothing: not looked at in this pass, so it stands as it stood.
  std::optional<StepVerdict> config{}, token{}, schedules{}, bootstrap{};
  std::optional<Error> error{};  // the first that is worth another try
  Attention attention = Attention::None;
  // When to look again, besides what the watches bring.
  std::optional<std::chrono::milliseconds> again{};
  std::vector<Announcement> announcements{};
  unsigned writes = 0;  // requests that may have changed something
};

// PURE. Whether the services need to be asked or told anything, as far as that can be known without asking:
// the spec, our memory of what was done, the Secret and the time. `url`: runtime_url().
[[nodiscard]] bool is_settled(const Observed& observed,
                              const Plan& plan,
                              const std::string& url,
                              WallTime now);
// PURE. When that changes by time alone.
[[nodiscard]] std::optional<WallTime> next_change(const Team& team);

// What a team still has in the services, as far as our memory goes; for people.
[[nodiscard]] std::string what_is_left(const Team& team);

// The steps of one pass over one team in the services around the cluster: its node and configuration in the
// Config Service, its token, its schedules if that service decides on them, its bootstrap in the AI pipeline,
// and the way back. What to do is decided by the pure rules of provisioner/platform; each step reads, acts,
// and reads back. Whatever the pass has learned is in report(), also after a step that failed. For one
// thread, and one pass.
class PlatformSteps {
 public:
  // Writes the resource's status with this memory, now: before a token is asked for.
  using Record = std::function<Status(const domain::PlatformStatus& memory)>;

  struct Services {
    ConfigService& config;
    platform::PipelineClient* pipeline;  // null: there is none
    TokenVault& vault;
    const Clock& clock;
  };

  // What is referred to must outlive this.
  PlatformSteps(Context ctx, Services services, const Observed& observed, Record record);

  // Node, configuration (with the runtime's URL, or without one that we published), token and schedules.
  void provision(const Plan& plan);
  void bootstrap();
  // Takes back what the deletion policy says. True when nothing is left to do.
  [[nodiscard]] bool withdraw();

  [[nodiscard]] PlatformReport& report() { return report_; }

 private:
  [[nodiscard]] Status ensure_node();
  [[nodiscard]] Status ensure_config(const std::string& url, bool runtime);
  [[nodiscard]] Status put_config(const std::function<nlohmann::json(const nlohmann::json& live)>& patch_of);
  [[nodiscard]] Status ensure_token();
  [[nodiscard]] Status take_token_step(const TokenStep& step, bool& going);
  [[nodiscard]] Status issue();
  [[nodiscard]] Status revoke(const std::string& id);
  [[nodiscard]] Status read_schedules();
  [[nodiscard]] Status withdraw_tokens();
  [[nodiscard]] Status withdraw_config();

  [[nodiscard]] std::vector<std::string> own_urls() const;
  void failed(const Error& error);
  void wait(std::chrono::milliseconds after);
  [[nodiscard]] WallTime now() const;
  [[nodiscard]] TokenFacts token_facts();

  const Context ctx_;
  const Services services_;
  const Team& team_;
  const Observed& observed_;
  const TeamId id_;
  const Record record_;
  const bool retrying_;  // an earlier pass did not get its token into the Secret
  PlatformReport report_;
  TokenFacts facts_;                  // of this pass
  std::vector<std::string> revoked_;  // in this pass
};

}  // namespace tp::provisioner
