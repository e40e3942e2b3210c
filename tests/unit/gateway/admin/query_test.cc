#include "gateway/admin/query.h"

#include <map>
#include <string>

#include "support/catch.h"

namespace tp::gateway::test {
namespace {

using Fields = std::map<std::string, std::string>;

TEST_CASE("a query's parameters are decoded") {
  CHECK(path_of("/a/b?c=d?e") == "/a/b");
  CHECK(path_of("/a") == "/a");
  CHECK(*query_of("/a") == Fields{});
  CHECK(*query_of("/a?") == Fields{});
  CHECK(*query_of("/a?x=1&y=a%2Fb+c&&z") == Fields{{"x", "1"}, {"y", "a/b c"}, {"z", ""}});
  CHECK(*query_of("/a?x=1=2&%C3%BC=%C3%BC") == Fields{{"x", "1=2"}, {"ü", "ü"}});
  CHECK(*query_of("/a?state=dead&state=unrouted") == Fields{{"state", "dead,unrouted"}});
  CHECK(*query_of("/a?x=%22%5C%0A") == Fields{{"x", "\"\\\n"}});
}

TEST_CASE("a query that is not well encoded is refused") {
  for (const char* target :
       {"/a?x=%", "/a?x=%1", "/a?x=%zz", "/a?x=%00", "/a?x=%ff", "/a?%=x", "/a?x=\xff"}) {
    CAPTURE(target);
    CHECK_FALSE(query_of(target));
  }
}

}  // namespace
}  // namespace tp::gateway::test
