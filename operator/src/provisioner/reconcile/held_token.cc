#include "provisioner/reconcile/held_token.h"

#include "provisioner/desired/metadata.h"
#include "provisioner/desired/token_secret.h"

namespace tp::provisioner {

Result<HeldToken> project_held_token(json::View object) {
  HeldToken held;
  TP_ASSIGN_OR_RETURN(held.meta, kube::read_meta(object));
  const json::View metadata = object["metadata"];
  const json::View labels = metadata["labels"];
  held.org_label = labels[kOrgKey].text();
  held.team_label = labels[kTeamKey].text();
  held.token_id = metadata["annotations"][kTokenIdAnnotation].text();
  metadata["managedFields"].each([&](json::View entry) {
    if (entry["manager"].text() == kFieldManager && entry["operation"].text() == "Apply" &&
        entry["fieldsV1"]["f:data"]["f:token"]) {
      held.intact = true;
    }
  });
  return held;
}

}  // namespace tp::provisioner
