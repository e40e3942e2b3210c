#include "provisioner/commands/import_report.h"

#include "support/catch.h"

namespace tp::provisioner::test {
namespace {

using Json = nlohmann::json;
using State = TeamReport::State;

TeamReport team(const std::string& node, State state) {
  TeamReport report{.ids = {"acme", node}, .key = {"incidentfox", "team-acme-" + node}, .state = state};
  if (state == State::New) report.resource = {{"kind", "TeamProvisioning"}, {"name", node}};
  return report;
}

TEST_CASE("import report: a block for each team, and equal changes once", "[import]") {
  const std::vector<Difference> changes{{"spec.template.port", 8000, 8080}};
  TeamReport a = team("a", State::New);
  a.takeovers = {{"Deployment incidentfox/agent-a", changes}, {"Service incidentfox/agent-a", {}}};
  a.actions = {"issue a token into Secret team-token-acme-a"};
  a.findings = {{Severity::Warning, "mind this"}};
  TeamReport b = team("b", State::New);
  b.takeovers = {{"Deployment incidentfox/agent-b", changes}};
  TeamReport c = team("c", State::Refused);
  c.findings = {{Severity::Problem, "spec.orgId must be shorter"}};
  const ImportReport report{{a, b, c, team("d", State::Exists), team("e", State::Created)},
                            {{Severity::Warning, "Service incidentfox/x does not tell whose it is"}}};
  CHECK(to_text(report) ==
        "acme/a: TeamProvisioning incidentfox/team-acme-a\n"
        "  adopts   Deployment incidentfox/agent-a, with one roll-out\n"
        "    @@ spec.template.port\n"
        "    -8000\n"
        "    +8080\n"
        "  adopts   Service incidentfox/agent-a, and changes nothing but its labels\n"
        "  then     issue a token into Secret team-token-acme-a\n"
        "  warning  mind this\n"
        "acme/b: TeamProvisioning incidentfox/team-acme-b\n"
        "  adopts   Deployment incidentfox/agent-b, with one roll-out, with the changes of Deployment "
        "incidentfox/agent-a\n"
        "acme/c: left out\n"
        "  problem  spec.orgId must be shorter\n"
        "acme/d: TeamProvisioning incidentfox/team-acme-d exists; it is left as it is\n"
        "acme/e: TeamProvisioning incidentfox/team-acme-e created\n"
        "  warning  Service incidentfox/x does not tell whose it is\n"
        "5 teams: 2 to import, 1 created, 1 exist already, 1 left out\n");
  CHECK(to_yaml_documents(report) ==
        "---\nkind: TeamProvisioning\nname: a\n---\nkind: TeamProvisioning\nname: b\n");
  CHECK(Json::parse(to_json_list(report))["items"].size() == 2);
  CHECK(to_yaml_documents({}).empty());
}

TEST_CASE("import report: labels of ours are not worth a word, the roll-out that they cause is", "[import]") {
  TeamReport a = team("a", State::New);
  a.takeovers = {{"Deployment incidentfox/agent-a",
                  {{"spec.template.metadata.labels.app.kubernetes.io/managed-by", "old", "new"},
                   {"spec.template.metadata.labels.incidentfox.io/org-id", "acme-corp", "Acme_Corp"}}}};
  CHECK(to_text({{a}, {}}) ==
        "acme/a: TeamProvisioning incidentfox/team-acme-a\n"
        "  adopts   Deployment incidentfox/agent-a, with one roll-out, and changes nothing but its labels\n"
        "1 teams: 1 to import, 0 created, 0 exist already, 0 left out\n");
}

TEST_CASE("import report: what changes of an object", "[import]") {
  const Json live = Json::parse(R"({"apiVersion": "v1", "kind": "Service", "status": {"x": 1},
    "metadata": {"name": "a", "uid": "1", "labels": {"managed-by": "old", "mine": "x"},
                 "annotations": {"deployment.kubernetes.io/revision": "3", "note": "kept"}},
    "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"name": "http", "port": 8000}]}})");
  const Json after = Json::parse(
      R"({"metadata": {"name": "trial", "labels": {"managed-by": "new", "added": "z"}, "annotations": {"org": "o"}},
    "spec": {"clusterIP": "10.0.0.2", "clusterIPs": ["10.0.0.2"], "ports": [{"name": "http", "port": 8080}]}})");
  const auto changes = takeover_changes(kube::kServices, live, after);
  CHECK(to_text(changes) ==
        "@@ metadata.annotations.note\n-kept\n"
        "@@ metadata.labels.mine\n-x\n@@ spec.ports[http].port\n-8000\n+8080\n");
}

TEST_CASE("import report: what changes of a configuration", "[import]") {
  const Json live = Json::parse(R"({"agent": {"dedicated_service_url": "http://a:8000"}, "routing": "odd"})");
  const Json patch =
      Json::parse(R"({"agent": {"dedicated_service_url": "http://a:8080"}, "routing": {"team_id": "a"}})");
  CHECK(config_changes(live, patch) ==
        std::vector<std::string>{R"(agent.dedicated_service_url: "http://a:8000" -> "http://a:8080")",
                                 R"(routing.team_id: (nothing) -> "a")"});
}

}  // namespace
}  // namespace tp::provisioner::test
