#include "provisioner/reconcile/announcer.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "crypto/encoding.h"
#include "json/parse.h"
#include "provisioner/desired/metadata.h"

namespace tp::provisioner {
namespace {

constexpr std::size_t kNoteBytes = 1024;  // the API's limit
constexpr std::size_t kNameBytes = 230;   // of the team's; 253 with the rest

}  // namespace

void Announcer::announce(const Context& ctx,
                         const Team& team,
                         const Announcement& news,
                         const log::Logger& log) const {
  const auto unique = std::bit_cast<std::array<std::byte, sizeof(std::uint64_t)>>(rng_.next());
  const std::string name = team.meta.key.name.substr(0, kNameBytes) + "." + crypto::to_hex(unique);
  const nlohmann::json event{
      {"apiVersion", kube::kEvents.api_version()},
      {"kind", kube::kEvents.kind},
      {"metadata", {{"name", name}, {"namespace", team.meta.key.ns}}},
      {"eventTime", to_rfc3339_micro(clock_.wall_now())},
      {"reportingController", "incidentfox.io/team-operator"},
      {"reportingInstance", kFieldManager},
      {"action", "Reconcile"},
      {"type", news.warning ? "Warning" : "Normal"},
      {"reason", news.reason},
      {"note", news.note.substr(0, kNoteBytes)},
      {"regarding",
       {{"apiVersion", domain::kTeamProvisionings.api_version()},
        {"kind", domain::kTeamProvisionings.kind},
        {"namespace", team.meta.key.ns},
        {"name", team.meta.key.name},
        {"uid", team.meta.uid},
        {"resourceVersion", team.meta.resource_version}}},
  };
  const auto created = api_.create(ctx, kube::kEvents, team.meta.key.ns, json::dump(event));
  if (!created) log.warn("event not written", {{"reason", news.reason}, {"error", created.error()}});
}

}  // namespace tp::provisioner
