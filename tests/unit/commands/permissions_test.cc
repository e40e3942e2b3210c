#include "provisioner/commands/permissions.h"

#include <algorithm>

#include "provisioner/app/election.h"
#include "provisioner/commands/embedded.h"
#include "support/catch.h"

namespace tp::provisioner::test {
namespace {

TEST_CASE("permissions: one for each verb, resource and namespace", "[commands]") {
  const char* rules = R"(
- apiGroups: [apps]
  resources: [deployments, deployments/scale]
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch]
)";
  const auto everywhere = permissions_of(rules, {});
  REQUIRE(everywhere);
  CHECK(*everywhere == std::vector<Permission>{{"get", "apps", "deployments", "", ""},
                                               {"get", "apps", "deployments", "scale", ""},
                                               {"list", "", "secrets", "", ""},
                                               {"watch", "", "secrets", "", ""}});
  const auto in_two = permissions_of(rules, {"a", "b"});
  REQUIRE(in_two);
  CHECK(in_two->size() == 8);
  CHECK(in_two->at(3) == Permission{"watch", "", "secrets", "", "a"});
  CHECK(in_two->at(4) == Permission{"get", "apps", "deployments", "", "b"});
}

TEST_CASE("permissions: a rule that cannot be asked about is no rule", "[commands]") {
  for (const char* rules : {
           "- verbs: [get]\n  resources: [pods]",
           "- verbs: ['*']\n  resources: [pods]\n  apiGroups: ['']",
           "- verbs: [get]\n  resources: ['*']\n  apiGroups: ['']",
           "- verbs: [get]\n  resources: [pods]\n  apiGroups: ['']\n  nonResourceURLs: [/x]",
           "- verbs: get\n  resources: [pods]\n  apiGroups: ['']",
           "- 1",
           "- [",
       }) {
    INFO(rules);
    const auto found = permissions_of(rules, {});
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ErrorCode::InvalidArgument);
  }
}

// Every file of rules that the chart has is asked about by an operator that uses everything.
TEST_CASE("permissions: those of the chart", "[commands]") {
  RunOptions options;
  options.watch_namespaces = {"a"};
  options.build.releases = false;
  const auto without = needed_permissions(options, "incidentfox-system");
  REQUIRE(without);
  options.build.releases = true;
  options.build.platform = true;
  const auto with = needed_permissions(options, "incidentfox-system");
  REQUIRE(with);
  for (const Permission& more : {Permission{"get", "", "secrets", "", "a"},
                                 Permission{"watch", "incidentfox.io", "agentreleases", "", ""}}) {
    CHECK(std::find(without->begin(), without->end(), more) == without->end());
    CHECK(std::find(with->begin(), with->end(), more) != with->end());
  }
  std::size_t all = 0;
  for (const EmbeddedFile& file : embedded_rules()) {
    const auto its = permissions_of(file.text, {});
    INFO(file.name);
    REQUIRE(its);
    all += its->size();
  }
  CHECK(with->size() == all);

  options.leader_elect = true;
  const auto leading = needed_permissions(options, "incidentfox-system");
  REQUIRE(leading);
  REQUIRE(leading->size() == all + 3);
  CHECK(leading->back() == Permission{"patch", "coordination.k8s.io", "leases", "", "incidentfox-system",
                                      lease_name({"a"}, "")});
  options.leader_election_namespace = "elsewhere";
  CHECK(needed_permissions(options, "incidentfox-system")->back().ns == "elsewhere");
}

TEST_CASE("permissions: each missing one is named, and what is there in one line", "[commands]") {
  const std::vector<Answer> answers{{{"get", "apps", "deployments", "", ""}, true},
                                    {{"list", "apps", "deployments", "", ""}, true},
                                    {{"patch", "apps", "deployments", "", ""}, false},
                                    {{"delete", "apps", "deployments", "", ""}, false},
                                    {{"patch", "x.io", "teams", "status", "a"}, true},
                                    {{"patch", "x.io", "teams", "status", "b"}, false},
                                    {{"get", "", "pods", "", "b"}, true}};
  CHECK(judge(answers) ==
        std::vector<Check>{{Verdict::Missing, "permission", "patch deployments.apps everywhere"},
                           {Verdict::Missing, "permission", "delete deployments.apps everywhere"},
                           {Verdict::Ok, "permission", "get, list deployments.apps everywhere"},
                           {Verdict::Ok, "permission", "patch teams.x.io/status in namespace a"},
                           {Verdict::Missing, "permission", "patch teams.x.io/status in namespace b"},
                           {Verdict::Ok, "permission", "get pods in namespace b"}});
}

}  // namespace
}  // namespace tp::provisioner::test
