#include "gateway/admin/query.h"

#include <map>
#include <string>

#include "support/catch.h"

namespace tp::gateway::test {
namespace {

using Parameters = std::map<std::string, std::string>;

std::string text(const std::string& target, const std::string& name) {
  Query query{target};
  const auto value = query.text(name);
  return query.end() ? value.value_or("absent") : query.end().error().message;
}

TEST_CASE("a query's parameters are decoded") {
  CHECK(path_of("/a/b?c=d?e") == "/a/b");
  CHECK(path_of("/a") == "/a");
  CHECK(text("/a", "x") == "absent");
  CHECK(text("/a?", "x") == "absent");
  CHECK(text("/a?x=a%2Fb+c&&", "x") == "a/b c");
  CHECK(text("/a?x", "x").empty());
  CHECK(text("/a?x=1=2", "x") == "1=2");
  CHECK(text("/a?%C3%BC=%C3%BC", "ü") == "ü");
  CHECK(text("/a?state=dead&state=unrouted", "state") == "dead,unrouted");
  CHECK(text("/a?x=%22%5C%0A", "x") == "\"\\\n");
}

TEST_CASE("a query that is not well encoded is refused, and so is what nobody asks for") {
  for (const char* target :
       {"/a?x=%", "/a?x=%1", "/a?x=%zz", "/a?x=%00", "/a?x=%ff", "/a?%=x", "/a?x=\xff"}) {
    CAPTURE(target);
    CHECK(text(target, "x") == "the query is not well encoded");
  }
  CHECK(text("/a?x=1&y=2", "x") == "y: there is no such parameter");
}

TEST_CASE("what is wrong with a parameter is said, of the first one") {
  Query query{"/a?n=5&m=x&t=now&o=&p=p"};
  CHECK(query.number("n", 1, 5) == 5);
  CHECK(query.name("p") == "p");
  CHECK(query.end().error().message == "m: there is no such parameter");
  CHECK_FALSE(query.number("m", 1, 5));
  CHECK_FALSE(query.time("t"));
  CHECK(query.name("o").empty());
  CHECK(query.end().error().message == "m: must be 1 to 5, not \"x\"");
}

TEST_CASE("the names of a route's path stand for what is in the request's, decoded") {
  CHECK(*path_parameters("/teams/{org}/{team}/x", "/teams/a%2Fb/c+d/x") ==
        Parameters{{"org", "a/b"}, {"team", "c+d"}});
  CHECK(path_parameters("/a", "/a")->empty());
  for (const char* path : {"/%", "/%00", "/%ff", "/%2"}) {
    CAPTURE(path);
    CHECK_FALSE(path_parameters("/{x}", path));
  }
}

}  // namespace
}  // namespace tp::gateway::test
