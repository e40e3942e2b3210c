#include "kube/events/lru.h"

#include "support/catch.h"

namespace tp::kube {
namespace {

TEST_CASE("Lru: who is not asked for is forgotten first", "[events]") {
  Lru<int> lru{3};
  lru.add("a", 1);
  lru.add("b", 2);
  lru.add("c", 3);
  REQUIRE(lru.find("a") != nullptr);
  lru.add("d", 4);
  CHECK(lru.size() == 3);
  CHECK(lru.find("b") == nullptr);
  REQUIRE(lru.find("a") != nullptr);
  CHECK(*lru.find("a") == 1);
  CHECK(*lru.find("c") == 3);
  CHECK(*lru.find("d") == 4);
}

TEST_CASE("Lru: a sweep forgets and changes", "[events]") {
  Lru<int> lru{8};
  for (const int i : {1, 2, 3, 4}) lru.add(std::to_string(i), i);
  lru.sweep([](int& value) { return value++ % 2 == 0; });
  CHECK(lru.size() == 2);
  CHECK(lru.find("2") == nullptr);
  CHECK(*lru.find("1") == 2);
  CHECK(*lru.find("3") == 4);
  lru.add("2", 5);
  CHECK(*lru.find("2") == 5);
}

}  // namespace
}  // namespace tp::kube
