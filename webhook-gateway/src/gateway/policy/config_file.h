#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/policy/policy.h"

namespace tp::gateway {

// Reads the gateway's config file: YAML, every key optional, keys that are not known refused.
//
//   slack: {messages: true}
//   github:
//     botHandle: incidentfox
//     authors: [OWNER, …]
//     events: [issues.opened, …]
//     conclusions: [failure, …]
//   pagerduty: {events: [incident.triggered]}
//   incidentio: {events: [public_alert.alert_created, …], teamAttribute: Team}
//   probe:                       # how far a probe goes; without: it is answered when it is claimed
//     org: acme
//     team: probe                # it waits for this team's turn, and for the Config Service
//     agent: noop                # and this agent of the team runs
//   endpoints:                   # of generic webhooks: /webhooks/generic/{name}
//   - name: alerts               # DNS label
//     kind: run                  # or provisioning
//     org: acme
//     team: sre                  # kind run only; absent: routed by identifiers within the org
//     signature: standard-webhooks   # or hmac: X-Signature
//     message: /title            # JSON pointers (RFC 6901); message is required for kind run
//     dedupeId: /id
//     context: /details
//     eventType: /type
//     agent: planner
//     identifiers: {slack_channel_id: /channel}
//   secrets:                     # what signs; every endpoint needs one
//   - source: github             # slack (for interactions too), …, generic, probe
//     endpoint: alerts           # generic only
//     org: acme                  # absent: speaks for the whole platform, or for what its endpoint is for
//     team: sre
//     file: /etc/team-provisioning/github
//
// InvalidArgument holds a line for each thing that is wrong (at most 20), each with line, column and key:
// "gateway.yaml:3:13: slack.messages is \"maybe\"; it must be true or false".
[[nodiscard]] Result<ConfigFile> parse_config(std::string_view text, const std::string& name);

// The same of a file; NotFound or PermissionDenied when it cannot be read.
[[nodiscard]] Result<ConfigFile> load_config(const std::string& path);

}  // namespace tp::gateway
