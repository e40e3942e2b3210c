#include "kube/core/object_meta.h"

#include <chrono>
#include <string>

#include "support/catch.h"

namespace tp::kube {
namespace {

Result<ObjectMeta> read(std::string_view text) {
  json::Document document;
  REQUIRE(document.parse(text));
  return read_meta(document.root());
}

TEST_CASE("object meta: all fields", "[kube]") {
  const auto meta =
      read(R"({"metadata":{"namespace":"n","name":"a","uid":"u-1","resourceVersion":"17","generation":3,
    "creationTimestamp":"2026-01-01T00:00:00Z","deletionTimestamp":"2026-01-02T00:00:00Z",
    "ownerReferences":[{"uid":"x"},{"uid":"y","controller":false},{"uid":"z","controller":true}]}})");
  REQUIRE(meta);
  CHECK(meta->key == ObjectKey{"n", "a"});
  CHECK(meta->uid == "u-1");
  CHECK(meta->resource_version == "17");
  CHECK(meta->generation == 3);
  CHECK(meta->controller_uid == "z");
  CHECK(meta->created == WallTime{std::chrono::seconds{1767225600}});
  CHECK(meta->deleting);
}

TEST_CASE("object meta: what may be absent", "[kube]") {
  const auto meta = read(
      R"({"metadata":{"name":"a","uid":"u","resourceVersion":"1","deletionTimestamp":null,"ownerReferences":[{"uid":"x"}]}})");
  REQUIRE(meta);
  CHECK(meta->key.ns.empty());
  CHECK(meta->controller_uid.empty());
  CHECK(meta->generation == 0);
  CHECK_FALSE(meta->deleting);
}

TEST_CASE("object meta: what may not be absent", "[kube]") {
  for (const auto* const text : {
           "{}",
           R"({"metadata":{"uid":"u","resourceVersion":"1"}})",
           R"({"metadata":{"name":"a","resourceVersion":"1"}})",
           R"({"metadata":{"name":"a","uid":"u"}})",
           R"({"metadata":{"name":1,"uid":"u","resourceVersion":"1"}})",
           R"([])",
       }) {
    CAPTURE(text);
    const auto meta = read(text);
    REQUIRE_FALSE(meta);
    CHECK(meta.error().code == ErrorCode::DataLoss);
  }
}

}  // namespace
}  // namespace tp::kube
