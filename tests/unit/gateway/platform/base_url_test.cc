#include "gateway/platform/base_url.h"

#include "support/catch.h"

namespace tp::gateway {
namespace {

const AgentUrls kUrls{"http://agent:8080", {"agent.acme.example", ".agents.svc.cluster.local"}};
const TeamRuntime kRuntime{"http://agent-dedicated-a-b.team.svc.cluster.local:8080", true};

TEST_CASE("base url: the shared agent unless the platform vouches for another") {
  struct Row {
    std::string wanted;
    std::optional<TeamRuntime> runtime;
    std::string url;
    std::string_view reason;
  };
  const std::string own = kRuntime.url;
  const std::string shared = kUrls.shared;
  const std::vector<Row> rows{
      {"", {}, shared, "shared"},
      {"", kRuntime, shared, "shared"},
      {own, kRuntime, own, "runtime"},
      {own + "/", kRuntime, own, "runtime"},
      {own, TeamRuntime{own + "/", true}, own, "runtime"},
      {own, TeamRuntime{own, false}, shared, "not_ready"},
      {own, {}, shared, "untrusted"},
      {own, TeamRuntime{"", true}, shared, "untrusted"},
      {"http://agent-dedicated-a-b.team.svc.cluster.local:8081", kRuntime, shared, "untrusted"},
      {own + "x", kRuntime, shared, "invalid"},
      {"https://agent.acme.example", {}, "https://agent.acme.example", "trusted_host"},
      {"https://agent.acme.example:8443/", {}, "https://agent.acme.example:8443", "trusted_host"},
      {"http://x.agents.svc.cluster.local:80", {}, "http://x.agents.svc.cluster.local:80", "trusted_host"},
      {"http://.agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://agents.svc.cluster.local", {}, shared, "untrusted"},
      {"http://xagents.svc.cluster.local", {}, shared, "untrusted"},
      {"http://agent.acme.example.evil.example", {}, shared, "untrusted"},
      {"http://evil.example", {}, shared, "untrusted"},
      {"http://169.254.169.254", {}, shared, "untrusted"},
      // What one reader takes for the host and another does not.
      {"http://agent.acme.example@evil.example", {}, shared, "invalid"},
      {"http://evil.example#.agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://evil.example/.agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://evil.example?.agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://evil.example\\.agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://evil.example%2e.agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://evil\r\n.agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://a..agents.svc.cluster.local", {}, shared, "invalid"},
      {"http://agent.acme.example:", {}, shared, "invalid"},
      {"http://agent.acme.example:80x", {}, shared, "invalid"},
      {"http://AGENT.acme.example", {}, shared, "invalid"},
      {"ftp://agent.acme.example", {}, shared, "invalid"},
      {"agent.acme.example", {}, shared, "invalid"},
      {"http://", {}, shared, "invalid"},
  };
  for (const Row& row : rows) {
    INFO(row.wanted);
    const AgentBase base = choose_base_url(row.wanted, row.runtime, kUrls);
    CHECK(base.url == row.url);
    CHECK(base.reason == row.reason);
    CHECK(base.dedicated == (row.url != shared));
  }
}

}  // namespace
}  // namespace tp::gateway
