#include "gateway/platform/directory.h"

#include "fake_platform.h"

namespace tp::gateway {
namespace {

using namespace std::chrono_literals;

const TeamRef kTeam{"acme", "team-a"};

struct Fixture : test::Platform {
  Directory directory{service, clock};

  std::size_t calls() { return http.requests().size(); }
};

TEST_CASE_METHOD(Fixture, "routes: kept for 30 s, misses for 5 s, by identifiers and org") {
  const std::vector<Identifier> channel{{"slack_channel_id", "C1"}};
  answers({}, R"({"found":true,"org_id":"acme","team_node_id":"team-a"})");
  CHECK(*directory.route(ctx, channel) == kTeam);
  clock.advance(29s);
  CHECK(*directory.route(ctx, channel) == kTeam);
  CHECK(calls() == 1);
  answers({}, R"({"found":false})");
  CHECK_FALSE(*directory.route(ctx, channel, "other"));
  clock.advance(1s);
  answers({}, R"({"found":false})");
  CHECK_FALSE(*directory.route(ctx, channel));
  CHECK(calls() == 3);
  clock.advance(4s);
  CHECK_FALSE(*directory.route(ctx, channel));
  CHECK(calls() == 3);
  clock.advance(1s);
  answers({}, "", 500);
  CHECK(directory.route(ctx, channel).error().code == ErrorCode::Unavailable);
  answers({}, R"({"found":true,"org_id":"acme","team_node_id":"team-a"})");
  CHECK(*directory.route(ctx, channel) == kTeam);
}

TEST_CASE_METHOD(Fixture, "tokens: kept until a minute before they expire, or until they are refused") {
  mints("t1", 15min);
  const auto first = directory.token(ctx, kTeam);
  if (!first) FAIL(first.error());
  CHECK(first->fresh);
  clock.advance(13min + 59s);
  const auto kept = directory.token(ctx, kTeam);
  CHECK(kept->token.reveal() == "t1");
  CHECK_FALSE(kept->fresh);
  clock.advance(1s);
  mints("t2");
  CHECK(directory.token(ctx, kTeam)->token.reveal() == "t2");
  directory.forget_token(kTeam);
  mints("t3");
  CHECK(directory.token(ctx, kTeam)->token.reveal() == "t3");
  mints("o");
  CHECK(directory.token(ctx, {"acme", "team-b"})->token.reveal() == "o");
}

TEST_CASE_METHOD(Fixture, "tokens: one that lives less than a minute is used once") {
  mints("t1", 30s);
  REQUIRE(directory.token(ctx, kTeam));
  mints("t2", 30s);
  CHECK(directory.token(ctx, kTeam)->token.reveal() == "t2");
}

TEST_CASE_METHOD(Fixture, "contexts: kept for 15 s") {
  mints("t1");
  answers({"/config/me"}, R"({"effective_config":{"entrance_agent":"coder"}})");
  CHECK((*directory.context(ctx, kTeam))->entrance_agent == "coder");
  clock.advance(14s);
  CHECK((*directory.context(ctx, kTeam))->entrance_agent == "coder");
  CHECK(calls() == 2);
  clock.advance(1s);
  answers({"/config/me"}, R"({"effective_config":{}})");
  CHECK((*directory.context(ctx, kTeam))->entrance_agent == "planner");
}

TEST_CASE_METHOD(Fixture, "contexts: a kept token that is refused is renewed once, a new one is not") {
  mints("t1");
  REQUIRE(directory.token(ctx, kTeam));
  answers({"/config/me"}, "", 401);
  mints("t2");
  answers({"/config/me"}, R"({"effective_config":{}})");
  REQUIRE(directory.context(ctx, kTeam));
  CHECK(last_header("Authorization") == "Bearer t2");

  mints("t3");
  answers({"/config/me"}, "", 401);
  const auto refused = directory.context(ctx, {"acme", "team-b"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::Unauthenticated);
  CHECK(calls() == 6);
}

TEST_CASE_METHOD(Fixture, "principals: kept for 15 s by token; refusals are not") {
  answers({}, R"({"role":"admin"})");
  CHECK((*directory.principal(ctx, crypto::Secret{"a"}))->role == "admin");
  clock.advance(14s);
  CHECK((*directory.principal(ctx, crypto::Secret{"a"}))->role == "admin");
  CHECK(calls() == 1);
  answers({}, "", 401);
  CHECK(directory.principal(ctx, crypto::Secret{"b"}).error().code == ErrorCode::Unauthenticated);
  answers({}, R"({"role":"team"})");
  CHECK((*directory.principal(ctx, crypto::Secret{"b"}))->role == "team");
  clock.advance(1s);
  answers({}, "", 401);
  CHECK_FALSE(directory.principal(ctx, crypto::Secret{"a"}));
}

}  // namespace
}  // namespace tp::gateway
