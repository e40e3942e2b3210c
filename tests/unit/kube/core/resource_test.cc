#include "kube/core/resource.h"

#include <compare>

#include "support/catch.h"

namespace tp::kube {
namespace {

TEST_CASE("resource: api version", "[kube]") {
  CHECK(kDeployments.api_version() == "apps/v1");
  CHECK(kServices.api_version() == "v1");
}

TEST_CASE("resource: versions compare as integers of any length", "[kube]") {
  CHECK(compare_resource_versions("9", "10") == std::strong_ordering::less);
  CHECK(compare_resource_versions("100", "99") == std::strong_ordering::greater);
  CHECK(compare_resource_versions("1234", "1234") == std::strong_ordering::equal);
  CHECK(compare_resource_versions("1235", "1234") == std::strong_ordering::greater);
  CHECK(compare_resource_versions("", "0") == std::strong_ordering::less);
  // Beyond 64 bits.
  CHECK(compare_resource_versions("99999999999999999999999", "100000000000000000000000") ==
        std::strong_ordering::less);
}

TEST_CASE("resource: key", "[kube]") {
  CHECK(ObjectKey{"ns", "a"}.str() == "ns/a");
  CHECK(ObjectKey{"", "a"}.str() == "a");
  CHECK(ObjectKey{"a", "b"} < ObjectKey{"b", "a"});
}

}  // namespace
}  // namespace tp::kube
