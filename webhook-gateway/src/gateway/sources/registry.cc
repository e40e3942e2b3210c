#include "gateway/sources/registry.h"

#include "gateway/sources/circleback.h"
#include "gateway/sources/generic.h"
#include "gateway/sources/github.h"
#include "gateway/sources/incidentio.h"
#include "gateway/sources/pagerduty.h"
#include "gateway/sources/probe.h"
#include "gateway/sources/slack.h"
#include "gateway/sources/slack_interactions.h"

namespace tp::gateway {

const std::vector<Source>& sources() {
  static const std::vector<Source> kSources{
      slack_source(),      slack_interactions_source(), github_source(),  pagerduty_source(),
      incidentio_source(), circleback_source(),         generic_source(), probe_source()};
  return kSources;
}

const Source& source_of(SourceKind kind) { return sources().at(static_cast<std::size_t>(kind)); }

}  // namespace tp::gateway
