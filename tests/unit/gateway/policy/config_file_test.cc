#include "gateway/policy/config_file.h"

#include <string>
#include <vector>

#include "support/catch.h"

namespace tp::gateway {
namespace {

ConfigFile parse(const std::string& text) {
  auto config = parse_config(text, "c");
  CAPTURE(text, config ? "" : config.error().message);
  REQUIRE(config);
  return *std::move(config);
}

std::string problems(const std::string& text) {
  const auto config = parse_config(text, "c");
  CAPTURE(text);
  REQUIRE_FALSE(config);
  CHECK(config.error().code == ErrorCode::InvalidArgument);
  return config.error().message;
}

TEST_CASE("without a word the policy is the default") {
  const Policy policy;
  for (const std::string text : {"", "# nothing\n", "---\n", "slack:\ngithub: {}\nendpoints:\n", "null"}) {
    const ConfigFile config = parse(text);
    CHECK(config.policy.slack.messages);
    CHECK(config.policy.github.bot_handle == "incidentfox");
    CHECK(config.policy.github.events == policy.github.events);
    CHECK(config.policy.pagerduty.events == policy.pagerduty.events);
    CHECK(config.policy.incidentio.events == policy.incidentio.events);
    CHECK(config.policy.endpoints.empty());
    CHECK(config.secrets.empty());
  }
}

TEST_CASE("every key is read") {
  const ConfigFile config = parse(R"(
secrets:
- {source: slack, file: /s/slack}
- {source: github, org: acme, file: /s/github}
- {source: pagerduty, org: acme, team: sre, file: /s/pagerduty}
- {source: generic, endpoint: alerts, file: /s/alerts}
- {source: generic, endpoint: alerts, org: acme, team: sre, file: /s/alerts-2}
- {source: generic, endpoint: teams, file: /s/teams}
- {source: probe, file: /s/probe}
slack: {messages: false}
github:
  botHandle: fox-2
  authors: [OWNER]
  events: [issues.opened, issues.opened]
  conclusions: []
pagerduty: {events: [incident.triggered, incident.custom_field_values.updated]}
incidentio:
  events: [public_alert.alert_created]
  teamAttribute: Owning team
probe: {org: acme, team: probe, agent: noop}
endpoints:
- name: alerts
  org: acme
  message: /title
  dedupeId: /a~1b/~0
  context: /details
  eventType: /type
  agent: planner
  identifiers: {slack_channel_id: /channel, service: /labels/service}
  signature: hmac
- {name: teams, kind: provisioning, org: "4711", eventType: /type}
)");
  const Policy& policy = config.policy;
  CHECK_FALSE(policy.slack.messages);
  CHECK(policy.github.bot_handle == "fox-2");
  CHECK(policy.github.authors == std::set<std::string>{"OWNER"});
  CHECK(policy.github.events == std::set<std::string>{"issues.opened"});
  CHECK(policy.github.conclusions.empty());
  CHECK(policy.pagerduty.events ==
        std::set<std::string>{"incident.triggered", "incident.custom_field_values.updated"});
  CHECK(policy.incidentio.events == std::set<std::string>{"public_alert.alert_created"});
  CHECK(policy.incidentio.team_attribute == "Owning team");

  REQUIRE(policy.endpoints.size() == 2);
  const Endpoint& alerts = policy.endpoints[0];
  CHECK(&alerts == policy.endpoint("alerts"));
  CHECK(alerts.kind == EndpointKind::Run);
  CHECK(alerts.scope == Scope{.org_id = "acme"});
  CHECK_FALSE(alerts.standard_webhooks);
  CHECK(alerts.message == "/title");
  CHECK(alerts.dedupe_id == "/a~1b/~0");
  CHECK(alerts.context == "/details");
  CHECK(alerts.event_type == "/type");
  CHECK(alerts.agent_name == "planner");
  using Pair = std::pair<std::string, std::string>;
  CHECK(alerts.identifiers ==
        std::vector<Pair>{{"slack_channel_id", "/channel"}, {"service", "/labels/service"}});
  const Endpoint& teams = policy.endpoints[1];
  CHECK(teams.kind == EndpointKind::Provisioning);
  CHECK(teams.scope.org_id == "4711");
  CHECK(teams.standard_webhooks);

  CHECK(policy.probe.team == Scope{"acme", "probe"});
  CHECK(policy.probe.agent_name == "noop");

  REQUIRE(config.secrets.size() == 7);
  CHECK(config.secrets[0].source == SourceKind::Slack);
  CHECK(config.secrets[0].scope == Scope{});
  CHECK(config.secrets[0].path == "/s/slack");
  CHECK(config.secrets[1].scope == Scope{.org_id = "acme"});
  CHECK(config.secrets[2].scope == Scope{"acme", "sre"});
  CHECK(config.secrets[3].endpoint == "alerts");
  CHECK(config.secrets[3].scope == Scope{.org_id = "acme"});  // its endpoint's
  CHECK(config.secrets[4].scope == Scope{"acme", "sre"});
  CHECK(config.secrets[5].scope == Scope{.org_id = "4711"});
  CHECK(config.secrets[6].source == SourceKind::Probe);
}

TEST_CASE("what is wrong is said with its place and with what would be right") {
  struct Case {
    std::string text, problem;
  };
  const std::string endpoint = "endpoints: [{name: e, org: o, message: /m, ";
  const std::string secret = "}]\nsecrets: [{source: generic, endpoint: e, file: /f}]";
  const std::vector<Case> cases{
      {"slakc: {}",
       "c:1:1: \"slakc\" is no known key; there are slack, github, pagerduty, incidentio, probe, "
       "endpoints, secrets"},
      {"slack:\n  message: true", "c:2:3: slack.\"message\" is no known key; there are messages"},
      {"slack: {messages: maybe}", "c:1:19: slack.messages is \"maybe\"; it must be true or false"},
      {"slack: {messages: [true]}", "c:1:19: slack.messages must be true or false"},
      {"slack: yes", "c:1:8: slack must be a mapping"},
      {"[]", "c:1:1: the file must be a mapping"},
      {"slack: {}\nslack: {}", "c:2:1: \"slack\" is given twice"},
      {"? [a]\n: b", "c:1:3: the file has a key that is not a text"},
      {"a: 1\n---\nb: 2",
       "c:2:1: a second document begins, where there must be one\nc:1:1: \"a\" is no known key; there are "
       "slack, github, pagerduty, incidentio, probe, endpoints, secrets"},
      {"probe: {org: o}", "c:1:8: probe needs both org and team, or neither"},
      {"probe: {agent: noop}", "c:1:8: probe.agent needs org and team, whose agent it is"},
      {"github: {botHandle: '@fox'}",
       "c:1:21: github.botHandle is \"@fox\"; it must be a GitHub login without "
       "\"@\": at most 39 of A-Z, a-z, 0-9 and \"-\""},
      {"github: {authors: OWNER}", "c:1:19: github.authors must be a list"},
      {"github: {authors: [OWNER, owner]}",
       "c:1:27: github.authors[1] is \"owner\"; it must be one of COLLABORATOR, CONTRIBUTOR, FIRST_TIMER, "
       "FIRST_TIME_CONTRIBUTOR, MANNEQUIN, MEMBER, NONE, OWNER"},
      {"github: {conclusions: [failed]}",
       "c:1:24: github.conclusions[0] is \"failed\"; it must be one of action_required, cancelled, failure, "
       "neutral, "
       "skipped, stale, startup_failure, success, timed_out"},
      {endpoint + "kind: runs" + secret,
       "c:1:50: endpoints[0].kind is \"runs\"; it must be one of run, provisioning"},
      {endpoint + "signature: none" + secret,
       "c:1:55: endpoints[0].signature is \"none\"; it must be one of hmac, standard-webhooks"},
      {endpoint + "identifiers: {Channel: /c}" + secret,
       "c:1:58: a key of endpoints[0].identifiers is \"Channel\"; it must be a lookup type of the Config "
       "Service: "
       "a-z, 0-9 and \"_\""},
      {endpoint + "context: details" + secret,
       "c:1:53: endpoints[0].context is \"details\"; it must be a JSON pointer (RFC 6901), such as "
       "\"/alert/title\""},
      {endpoint + "kind: provisioning, team: t" + secret,
       "c:1:13: endpoints[0].team has no meaning for the kind provisioning\n"
       "c:1:13: endpoints[0].message has no meaning for the kind provisioning"},
      {"endpoints: [{name: e, org: o" + secret, "c:1:13: endpoints[0].message is required for the kind run"},
      {"endpoints: [{name: e, message: /m" + secret, "c:1:13: endpoints[0].org is required"},
      {endpoint + "}, {name: e, org: o, message: /m" + secret,
       "c:1:47: endpoints[1].name is \"e\", as that of an earlier endpoint"},
      {endpoint + "}]", "c:1:12: endpoints: \"e\" has no secret; add one with source generic to secrets"},
      {"endpoints: {}", "c:1:12: endpoints must be a list"},
      {"secrets: [{source: slack_interactions, file: /f}]",
       "c:1:20: secrets[0].source is \"slack_interactions\"; it must be one of slack, github, pagerduty, "
       "incidentio, "
       "circleback, generic, probe"},
      {"secrets: [{source: slack}]", "c:1:11: secrets[0].file is required"},
      {"secrets: [{source: slack, file: f}]",
       "c:1:33: secrets[0].file is \"f\"; it must be an absolute path"},
      {"secrets: [{source: slack, team: t, file: /f}]", "c:1:11: secrets[0].team needs secrets[0].org"},
      {"secrets: [{source: slack, endpoint: e, file: /f}]",
       "c:1:11: secrets[0].endpoint has a meaning only for the source generic"},
      {"secrets: [{source: generic, endpoint: e, file: /f}]",
       "c:1:11: secrets[0].endpoint is \"e\"; it must be the name of an endpoint of this file"},
      {"secrets: [{source: generic, file: /f}]",
       "c:1:11: secrets[0].endpoint is \"\"; it must be the name of an endpoint of this file"},
      {endpoint + "}]\nsecrets: [{source: generic, endpoint: e, org: p, file: /f}]",
       "c:2:11: secrets[0] is for another org or team than its endpoint"},
      {"secrets: [slack]", "c:1:11: secrets[0] must be a mapping"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(problems(c.text) == c.problem);
  }
}

TEST_CASE("what is no YAML is told with its place") {
  // The words are yaml-cpp's.
  for (const std::string text : {"slack: {messages: ", "slack: *nobody", "a: b: c", ",", " , ", "slack: {}],",
                                 "\t- x\n\t y", "%YAML 9.9\n--- x"}) {
    CHECK(problems(text).starts_with("c:1:"));
  }
}

TEST_CASE("a file with control characters is refused before yaml-cpp sees it") {
  for (const std::string& text :
       {std::string("\0,((#\0", 6), std::string{"\x04"}, std::string{"\x7f"}, std::string{"\x1b[m"}}) {
    CHECK(problems("slack:\n" + text) == "c:2: a control character; the file must be UTF-8 text");
  }
}

TEST_CASE("names, ids, events and pointers have a form") {
  const auto with = [](const std::string& name, const std::string& org, const std::string& pointer) {
    return parse_config("endpoints: [{name: '" + name + "', org: '" + org + "', message: '" + pointer +
                            "'}]\nsecrets: [{source: generic, endpoint: '" + name + "', file: /f}]",
                        "c")
        .has_value();
  };
  CHECK(with("a", "o", "/"));
  CHECK(with("a-1", "A._-9", "/a b/ä"));
  CHECK(with(std::string(63, 'a'), std::string(64, 'o'), "/" + std::string(255, 'p')));
  for (const std::string& name : {std::string{}, std::string{"-a"}, std::string{"a-"}, std::string{"A"},
                                  std::string{"a.b"}, std::string{"a/b"}, std::string(64, 'a')}) {
    CAPTURE(name);
    CHECK_FALSE(with(name, "o", "/m"));
  }
  for (const std::string& org :
       {std::string{}, std::string{"a b"}, std::string{"a/b"}, std::string(65, 'o')}) {
    CAPTURE(org);
    CHECK_FALSE(with("a", org, "/m"));
  }
  for (const std::string& pointer :
       {std::string{}, std::string{"m"}, std::string{"/~"}, std::string{"/~2"}, std::string(257, '/')}) {
    CAPTURE(pointer);
    CHECK_FALSE(with("a", "o", pointer));
  }
  for (const std::string event : {"", "a", ".", "a.", ".a", "a..b", "A.b", "a.b c", "a-b.c"}) {
    CAPTURE(event);
    CHECK_FALSE(parse_config("pagerduty: {events: ['" + event + "']}", "c"));
  }
}

TEST_CASE("all problems are told, up to a number, and foreign text is cut and cleaned") {
  const std::string two = problems("slack: {messages: 1}\npagerduty: {events: [x, a.b, y]}");
  CHECK(std::count(two.begin(), two.end(), '\n') == 2);
  std::string many = "pagerduty:\n  events:\n";
  for (int i = 0; i < 30; ++i) many += "  - x\n";
  const std::string told = problems(many);
  CHECK(std::count(told.begin(), told.end(), '\n') == 20);
  CHECK(told.ends_with("\nc: and 10 more"));
  const std::string long_key = problems("\"" + std::string(10000, 'k') + "\\n\": 1");
  CHECK(long_key.size() < 250);
  CHECK(problems("\"a\\nb\\e\": 1").find("\"a?b?\"") != std::string::npos);
}

TEST_CASE("aliases and merges") {
  const ConfigFile config = parse("pagerduty: {events: &e [incident.triggered]}\nincidentio: {events: *e}");
  CHECK(config.policy.incidentio.events == std::set<std::string>{"incident.triggered"});
  CHECK(problems("slack: &s {messages: true}\ngithub: {<<: *s}").find("\"<<\" is no known key") !=
        std::string::npos);
}

TEST_CASE("a file that is not there is named") {
  const auto config = load_config("/nowhere/gateway.yaml");
  REQUIRE_FALSE(config);
  CHECK(config.error().code == ErrorCode::NotFound);
  CHECK(config.error().message.find("/nowhere/gateway.yaml") != std::string::npos);
}

}  // namespace
}  // namespace tp::gateway
