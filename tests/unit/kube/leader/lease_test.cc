#include "kube/leader/lease.h"

#include "json/document.h"
#include "support/catch.h"

namespace tp::kube {
namespace {

Result<StoredLease> parse(std::string_view text) {
  json::Document document;
  REQUIRE(document.parse(text));
  return read_lease(document.root());
}

TEST_CASE("a Lease is written as it is read", "[lease]") {
  // As client-go writes it.
  const auto stored = parse(R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease",
    "metadata":{"name":"l","namespace":"n","uid":"u","resourceVersion":"77"},
    "spec":{"holderIdentity":"a","leaseDurationSeconds":15,"acquireTime":"2026-11-22T16:14:44.000001Z",
            "renewTime":"2026-11-22T16:15:00.250000Z","leaseTransitions":3}})");
  REQUIRE(stored);
  CHECK(stored->version == "77");
  CHECK(stored->lease.holder == "a");
  CHECK(stored->lease.duration == std::chrono::seconds{15});
  CHECK(stored->lease.transitions == 3);
  CHECK(stored->lease.renewed - stored->lease.acquired == std::chrono::microseconds{16'249'999});
  CHECK(lease_body({"n", "l"}, stored->lease, "77") ==
        R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease",)"
        R"("metadata":{"name":"l","namespace":"n","resourceVersion":"77"},)"
        R"("spec":{"acquireTime":"2026-11-22T16:14:44.000001Z","holderIdentity":"a",)"
        R"("leaseDurationSeconds":15,"leaseTransitions":3,"renewTime":"2026-11-22T16:15:00.250000Z"}})");
}

TEST_CASE("a Lease that somebody made by hand is nobody's", "[lease]") {
  const auto stored =
      parse(R"({"metadata":{"name":"l","namespace":"n","uid":"u","resourceVersion":"2"},"spec":{}})");
  REQUIRE(stored);
  CHECK(stored->lease == Lease{});
  CHECK_FALSE(parse(R"({"metadata":{"name":"l","namespace":"n","uid":"u"},"spec":{}})"));
}

}  // namespace
}  // namespace tp::kube
