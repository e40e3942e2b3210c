#include "provisioner/app/election.h"

#include "support/catch.h"
#include "support/manual_rng.h"

namespace tp::provisioner {
namespace {

TEST_CASE("the Lease is that of the teams that are served", "[election]") {
  CHECK(lease_name({}, "") == "team-operator");
  // As the chart's template "team-operator.lease" has it: of SHA-256("a,b,;").
  CHECK(lease_name({"a", "b"}, "") == "team-operator-34de4efc30");
  CHECK(lease_name({"b", "a"}, "") == lease_name({"a", "b"}, ""));
  CHECK(lease_name({"a"}, "") != lease_name({"a", "b"}, ""));
  CHECK(lease_name({"a"}, "shard=a") != lease_name({"a"}, ""));
  CHECK(lease_name({}, "shard=a") != lease_name({}, "shard=b"));
}

TEST_CASE("an identity is nobody else's, and tells where it runs", "[election]") {
  test::ManualRng rng;
  RunOptions options;
  const kube::Election first = make_election(options, "own", "pod-1", rng);
  CHECK(first.lease == kube::ObjectKey{"own", "team-operator"});
  CHECK(first.identity.starts_with("pod-1_"));
  rng.set_uniform(0.25);
  options.leader_election_namespace = "other";
  const kube::Election second = make_election(options, "own", "pod-1", rng);
  CHECK(second.lease.ns == "other");
  CHECK(second.identity != first.identity);
}

TEST_CASE("times that do not fit together are refused by the names of their flags", "[election]") {
  RunOptions options;
  CHECK(completed(options));
  options.lease_times.renew = options.lease_times.lease;
  const auto refused = completed(options);
  REQUIRE_FALSE(refused);
  for (const char* flag : {"--leader-election-lease-duration", "--leader-election-renew-deadline",
                           "--leader-election-retry-period"})
    CHECK(refused.error().message.find(flag) != std::string::npos);
}

}  // namespace
}  // namespace tp::provisioner
