#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "json/document.h"
#include "kube/core/object_meta.h"

namespace tp::provisioner {

// What is kept of a Secret of type kTokenSecretType: never its data.
struct HeldToken {
  kube::ObjectMeta meta;
  std::string org_label, team_label;
  std::string token_id;  // annotation kTokenIdAnnotation
  bool intact = false;   // the token in it is the one that we wrote: nobody else has set that field since

  // The id, if the token can be relied upon.
  [[nodiscard]] std::string id() const { return intact && !meta.deleting ? token_id : std::string{}; }

  friend bool operator==(const HeldToken&, const HeldToken&) = default;
};

using HeldTokenPointer = std::shared_ptr<const HeldToken>;

// Reads a Secret or its metadata alone.
[[nodiscard]] Result<HeldToken> project_held_token(json::View object);

}  // namespace tp::provisioner
