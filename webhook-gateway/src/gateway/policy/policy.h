#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/event/event.h"
#include "gateway/signatures/scheme.h"

// What starts a run, and which endpoints and secrets there are: the gateway's config file as values.
namespace tp::gateway {

struct SlackPolicy {
  // Whether direct messages and messages that mention the bot start a run, beside app_mention.
  bool messages = true;
};

struct GitHubPolicy {
  std::string bot_handle = "incidentfox";  // a mention is "@" and this, as a whole word, without case
  // Associations of authors whose words may start a run.
  std::set<std::string> authors{"OWNER", "MEMBER", "COLLABORATOR"};
  // Events that may start one, as "event.action".
  std::set<std::string> events{"issue_comment.created",  "pull_request_review_comment.created",
                               "issues.opened",          "pull_request.opened",
                               "workflow_run.completed", "check_suite.completed"};
  std::set<std::string> conclusions{"failure", "timed_out"};  // of workflow_run and check_suite
};

struct PagerDutyPolicy {
  std::set<std::string> events{"incident.triggered"};
};

struct IncidentIoPolicy {
  // Without version suffix and with "public_" or "private_": "public_alert.alert_created".
  std::set<std::string> events{"public_alert.alert_created", "private_alert.alert_created",
                               "public_incident.incident_created", "private_incident.incident_created"};
  std::string team_attribute = "Team";  // of an alert, or custom field of an incident: names the team
};

// How far a probe goes: see Probe of event/interpretation.h.
struct ProbePolicy {
  Scope team{};              // empty, or an org and a team
  std::string agent_name{};  // empty: no agent is asked
};

enum class EndpointKind : std::uint8_t { Run, Provisioning };

// A generic endpoint, declared in the config file. Pointers are RFC 6901 into the JSON body.
struct Endpoint {
  std::string name{};  // the URL's last segment
  EndpointKind kind = EndpointKind::Run;
  Scope scope{};                  // org is required
  bool standard_webhooks = true;  // else X-Signature: sha256=
  std::string message{};          // pointer; required for kind run
  std::string dedupe_id{};        // pointer; empty: the webhook-id, else the digest
  std::string context{};          // pointer to what the agent gets as context; empty: nothing
  std::string event_type{};       // pointer; empty: "event"
  std::string agent_name{};       // empty: the team's entrance agent
  std::vector<std::pair<std::string, std::string>> identifiers{};  // lookup type, pointer
};

struct Policy {
  SlackPolicy slack;
  GitHubPolicy github;
  PagerDutyPolicy pagerduty;
  IncidentIoPolicy incidentio;
  ProbePolicy probe;
  std::vector<Endpoint> endpoints;

  [[nodiscard]] const Endpoint* endpoint(std::string_view name) const noexcept {
    for (const Endpoint& its : endpoints) {
      if (its.name == name) return &its;
    }
    return nullptr;
  }
};

// A place where signing secrets come from. A file may hold several secrets, one a line.
struct SecretFile {
  SourceKind source = SourceKind::Slack;  // Slack also for interactions
  std::string endpoint{};                 // of a generic source
  Scope scope{};
  std::string path{};
};

// The gateway's config file.
struct ConfigFile {
  Policy policy;
  std::vector<SecretFile> secrets;
};

}  // namespace tp::gateway
