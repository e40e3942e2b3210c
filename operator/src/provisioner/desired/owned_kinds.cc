#include "provisioner/desired/owned_kinds.h"

namespace tp::provisioner {

std::optional<Slot> slot_of(const kube::ResourceType& type, std::string_view app) noexcept {
  for (std::size_t i = 0; i < kSlotCount; ++i) {
    const SlotInfo& candidate = kSlots.at(i);
    if (candidate.type == type && candidate.app == app) return static_cast<Slot>(i);
  }
  return std::nullopt;
}

}  // namespace tp::provisioner
