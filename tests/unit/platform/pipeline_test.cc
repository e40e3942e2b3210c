#include "platform/pipeline.h"

#include <string>

#include "json/parse.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/script_http_client.h"

namespace tp::platform::test {
namespace {

using tp::test::FakeClock;
using tp::test::ScriptHttpClient;

class Token final : public http::TokenSource {
 public:
  Result<crypto::Secret> token(const Context& /*ctx*/) override { return crypto::Secret{"pipeline-secret"}; }
  void rejected() noexcept override { ++refusals; }

  int refusals = 0;
};

struct Fixture {
  FakeClock clock;
  ScriptHttpClient http;
  Token token;
  std::vector<std::string> observed;
  PipelineClient pipeline{http, token, clock, [this](std::optional<ErrorCode> failure, auto took) {
                            CHECK(took >= took.zero());
                            observed.emplace_back(failure ? to_string(*failure) : "ok");
                          }};

  void answers(std::string body, int status = 200) {
    http.add({}, {status, {std::move(body)}, ScriptHttpClient::End::Close});
  }
  [[nodiscard]] std::string header(std::string_view name) {
    return std::string{http.requests().back().headers.find(name).value_or("")};
  }
};

TEST_CASE("a bootstrap bears the pipeline's token and its key") {
  Fixture f;
  f.answers(R"({"run_id": "r1", "status": "queued", "namespace": "kb-1"})");
  const auto made = f.pipeline.bootstrap({}, "team/1", "key-1", {{"seed", "Empty"}});
  REQUIRE(made);
  CHECK(made->run_id == "r1");
  CHECK(made->knowledge_namespace == "kb-1");
  CHECK(f.http.requests().back().target == "/api/v1/teams/team%2F1/bootstrap");
  CHECK(json::parse(f.http.requests().back().body)->at("seed") == "Empty");
  CHECK(f.header("Authorization") == "Bearer pipeline-secret");
  CHECK(f.header("Idempotency-Key") == "key-1");

  f.answers("{}");
  const auto bare = f.pipeline.bootstrap({}, "t", "k", nullptr);
  REQUIRE(bare);
  CHECK(bare->run_id.empty());
  CHECK(f.http.requests().back().body.empty());
}

TEST_CASE("each call is observed once, by what came of it") {
  Fixture f;
  f.answers("{}");
  f.answers("{}", 503);
  f.answers("{}", 401);
  f.answers("not JSON");
  for (int i = 0; i < 4; ++i) static_cast<void>(f.pipeline.trigger({}, "o", "t", "k"));
  CHECK(f.observed == std::vector<std::string>{"ok", "unavailable", "unauthenticated", "data_loss"});
}

TEST_CASE("a pipeline that answers anything is reached, without its token") {
  Fixture f;
  f.answers("not found", 404);
  CHECK(f.pipeline.reach({}));
  CHECK(f.header("Authorization").empty());
  f.http.add({}, {.end = ScriptHttpClient::End::Refuse});
  CHECK_FALSE(f.pipeline.reach({}));
}

TEST_CASE("a trigger says whose, and answers the job's name or the run's id") {
  Fixture f;
  f.answers(R"({"job_name": "job-1", "run_id": "r1"})");
  CHECK(*f.pipeline.trigger({}, "o", "t", "k") == "job-1");
  CHECK(f.http.requests().back().target == "/api/v1/teams/t/run");
  CHECK(*json::parse(f.http.requests().back().body) == nlohmann::json{{"org_id", "o"}, {"team_id", "t"}});
  f.answers(R"({"run_id": "r1"})");
  CHECK(*f.pipeline.trigger({}, "o", "t", "k") == "r1");
}

TEST_CASE("a refused token is said to its source, and is not the caller's fault") {
  Fixture f;
  f.answers("{}", 401);
  CHECK(f.pipeline.trigger({}, "o", "t", "k").error().code == ErrorCode::PermissionDenied);
  CHECK(f.token.refusals == 1);
  CHECK(f.pipeline.bootstrap({}, "..", "k", nullptr).error().code == ErrorCode::InvalidArgument);
  f.answers("", 503);
  const auto away = f.pipeline.bootstrap({}, "t", "k", nullptr);
  CHECK(away.error().code == ErrorCode::Unavailable);
  CHECK(away.error().message == "AI pipeline: POST /api/v1/teams/t/bootstrap: 503");
}

}  // namespace
}  // namespace tp::platform::test
