#include "provisioner/desired/policy.h"

#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using test::a_team;
using test::dedicated;
using test::scheduled;

std::string verdict(const Team& team, const BuildContext& build) {
  return domain::describe(check_policy(team, build));
}

Team with_image(std::string image) { return dedicated(a_team(), {.image = std::move(image)}); }

TEST_CASE("policy: nothing is reserved and every registry is good unless the platform says so", "[desired]") {
  Team team = with_image("evil.example.com/agent:1");
  team.meta.key.ns = "kube-system";
  CHECK(verdict(team, BuildContext{}).empty());
}

TEST_CASE("policy: reserved names", "[desired]") {
  const BuildContext build{.reserved_namespaces = {"kube-system", "kube-public"},
                           .reserved_org_ids = {"platform"},
                           .reserved_team_node_ids = {"root"}};
  CHECK(verdict(a_team("acme", "platform"), build).empty());
  Team team = a_team("platform", "root");
  team.meta.key.ns = "kube-system";
  CHECK(verdict(team, build) ==
        R"(metadata.namespace: "kube-system" is reserved; reserved are: kube-system, kube-public; )"
        R"(spec.orgId: "platform" is reserved; reserved are: platform; )"
        R"(spec.teamNodeId: "root" is reserved; reserved are: root)");
}

TEST_CASE("policy: every image that a team names is from an allowed registry", "[desired]") {
  const BuildContext build{.allowed_image_registries = {"registry.example.com", "ghcr.io/acme"}};
  CHECK(verdict(scheduled(a_team()), build).empty());  // the platform's own images

  Team team = with_image("ghcr.io/other/agent:1");
  team.spec.pipeline = domain::Pipeline{.image = "evil.example.com/pipeline"};
  team.spec.dependency_discovery = domain::DependencyDiscovery{.image = "discovery"};
  const std::string tail =
      " is not in a registry that the platform allows; allowed are: registry.example.com, ghcr.io/acme";
  CHECK(verdict(team, build) == R"(spec.pipeline.image: the image "evil.example.com/pipeline")" + tail +
                                    R"(; spec.dependencyDiscovery.image: the image "discovery")" + tail +
                                    R"(; spec.runtime.dedicated.image: the image "ghcr.io/other/agent:1")" +
                                    tail);
}

TEST_CASE("policy: an image is in a registry, not only spelled like it", "[desired]") {
  const BuildContext build{.allowed_image_registries = {"registry.example.com", "ghcr.io/acme", "localhost"}};
  const auto image = GENERATE("registry.example.com/agent", "registry.example.com/a/b:1", "localhost/agent",
                              "ghcr.io/acme/agent@sha256:0", "ghcr.io/acme/deep/er/agent");
  CHECK(verdict(with_image(image), build).empty());
  const auto stranger =
      GENERATE("registry.example.com.evil.net/agent", "registry.example.com:5000/agent", "ghcr.io/acme",
               "ghcr.io/acme-corp/agent", "ghcr.io/acme:1", "docker.io/registry.example.com/agent",
               "localhost:5000/agent", "Registry.example.com/agent");
  CHECK_FALSE(verdict(with_image(stranger), build).empty());
}

TEST_CASE("policy: an image without a registry is Docker Hub's, as for container runtimes", "[desired]") {
  CHECK(with_registry("agent:1") == "docker.io/library/agent:1");
  CHECK(with_registry("acme/agent") == "docker.io/acme/agent");
  CHECK(with_registry("acme/a.b/agent") == "docker.io/acme/a.b/agent");
  for (const std::string full :
       {"ghcr.io/agent", "host:5000/agent", "localhost/agent", "[::1]:5000/agent", "HOST/agent"})
    CHECK(with_registry(full) == full);

  const BuildContext build{.allowed_image_registries = {"docker.io/acme"}};
  CHECK(verdict(with_image("acme/agent:1"), build).empty());
  CHECK(verdict(with_image("docker.io/acme/agent:1"), build).empty());
  CHECK_FALSE(verdict(with_image("agent:1"), build).empty());
  CHECK_FALSE(verdict(with_image("other/agent:1"), build).empty());
}

TEST_CASE("policy: a Secret that a team's pods read must be one that the platform lists", "[desired]") {
  Team team = dedicated(a_team(), {.env = {{.name = "KEY", .secret_name = "keys", .secret_key = "key"}}});
  domain::PlatformSpec platform;
  platform.governance = domain::Governance{.audit_sink_url = "https://audit", .audit_sink_secret = "audit"};
  team.spec.platform = std::make_shared<const domain::PlatformSpec>(platform);
  const auto errors = check_policy(team, BuildContext{});
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].path == "spec.runtime.dedicated.env[0].valueFrom.secretKeyRef.name");
  CHECK(errors[1].path == "spec.governance.auditSink.secretName");
  CHECK(verdict(team, BuildContext{.agent_secrets = {"audit", "keys"}}).empty());
}

}  // namespace
}  // namespace tp::provisioner
