#include "gateway/sources/probe.h"

#include <chrono>
#include <utility>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"
#include "gateway/sources/standard_webhooks.h"

namespace tp::gateway {
namespace {

// Probes come all day; nobody sends an old one again.
constexpr std::chrono::hours kRemembered{24};

Result<Admission> admit(const Delivery& delivery) {
  TP_TRY(check_object(delivery.body));
  const std::string_view id = webhook_id(delivery.headers);
  NewEvent stored;
  stored.kind = "probe";
  stored.provider_id = id_text(id);
  stored.digest = standard_webhooks_digest(id, delivery.body);
  stored.dedupe_for = kRemembered;
  stored.body = delivery.body;
  return store(std::move(stored), ok_answer(202));
}

Result<Interpretation> interpret(const StoredEvent& /*stored*/, const Policy& policy) {
  const ProbePolicy& its = policy.probe;
  Probe probe{its.team.org_id, its.team.team_node_id, {}};
  if (!its.agent_name.empty()) {
    probe.run =
        RunRequest{.trigger_source = "probe",
                   .agent_name = its.agent_name,
                   .message = "This is a probe of the webhook gateway: answer \"ok\", and do nothing else."};
  }
  return Interpretation{std::move(probe)};
}

}  // namespace

Source probe_source() {
  return {.kind = SourceKind::Probe,
          .path = "/webhooks/probe",
          .scheme = &standard_webhooks(),
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_with_detail};
}

}  // namespace tp::gateway
