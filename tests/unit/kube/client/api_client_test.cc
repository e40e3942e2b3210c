#include "kube/client/api_client.h"

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;

// What the server does with the next request.
struct Turn {
  Turn(int s, std::string b, http::Headers h = {}) : status(s), headers(std::move(h)), body({std::move(b)}) {}
  Turn(int s, std::vector<std::string> b, std::optional<Error> e)
      : status(s), body(std::move(b)), error(std::move(e)) {}
  explicit Turn(Error e) : error(std::move(e)) {}

  int status = 0;  // 0: no answer
  http::Headers headers{};
  std::vector<std::string> body{};
  std::optional<Error> error{};  // after the body
};

class FakeServer final : public http::HttpClient {
 public:
  explicit FakeServer(test::FakeClock& clock) : clock_(clock) {}

  Result<http::Response> send(const Context& ctx, const http::Request& request) override {
    struct Collect final : http::ResponseSink {
      http::Response response;
      Status on_head(int status, const http::Headers& headers) override {
        response = {status, headers, {}};
        return ok();
      }
      Status on_bytes(std::string_view bytes) override {
        response.body.append(bytes);
        return ok();
      }
    } collect;
    TP_TRY(stream(ctx, request, collect));
    return std::move(collect.response);
  }

  void start(const Context& ctx, http::Request request, std::function<void(http::Exchange)> done) override {
    done({send(ctx, request), true});
  }

  Status stream(const Context& /*ctx*/, const http::Request& request, http::ResponseSink& sink) override {
    requests.push_back(request);
    clock_.advance(5ms);
    REQUIRE_FALSE(turns.empty());
    const Turn turn = std::move(turns.front());
    turns.pop_front();
    if (turn.status != 0) {
      TP_TRY(sink.on_head(turn.status, turn.headers));
      for (const auto& part : turn.body) TP_TRY(sink.on_bytes(part));
    }
    if (turn.error) return *turn.error;
    return ok();
  }

  std::deque<Turn> turns;
  std::vector<http::Request> requests;

 private:
  test::FakeClock& clock_;
};

struct Fixture {
  test::FakeClock clock;
  FakeServer unary{clock};
  FakeServer streaming{clock};
  std::vector<std::string> observed;
  ApiClient api{unary, streaming, clock, [this](const ApiClient::Call& call) {
                  CHECK(call.took == 5ms);
                  observed.push_back(std::string{call.verb} + " " + std::string{call.type.plural} + " " +
                                     std::to_string(call.status) + (call.again ? " again" : ""));
                }};
  const Context ctx{};
  const ObjectKey key{"team-a", "agent"};
  std::string body;  // what stream() was given

  Status list() {
    return api.stream(ctx, "list", {.type = kServices, .ns = "team-a"}, list_request({.type = kServices}, {}),
                      [this](std::string_view bytes) {
                        body.append(bytes);
                        return ok();
                      });
  }
};

const Error kRefused{ErrorCode::Unavailable, "connection refused"};

TEST_CASE("ApiClient: each verb sends its request and gives the answer", "[kube]") {
  Fixture f;
  f.unary.turns = {{200, "object"}, {201, "made"}, {200, "same"}, {200, "patched"}, {200, "{}"}};
  CHECK(f.api.get(f.ctx, kServices, f.key).value_or("") == "object");
  const auto created = f.api.apply(f.ctx, kServices, f.key, "{}", {.field_manager = "m"});
  REQUIRE(created);
  CHECK(created->object == "made");
  CHECK(created->created);
  const auto updated = f.api.apply(f.ctx, kServices, f.key, "{}", {.field_manager = "m"});
  REQUIRE(updated);
  CHECK_FALSE(updated->created);
  CHECK(f.api.patch_json(f.ctx, kServices, f.key, "[]", "m").value_or("") == "patched");
  CHECK(f.api.remove(f.ctx, kServices, f.key, "uid"));
  CHECK(f.observed == std::vector<std::string>{"get services 200", "patch services 201", "patch services 200",
                                               "patch services 200", "delete services 200"});
  REQUIRE(f.unary.requests.size() == 5);
  CHECK(f.unary.requests[1].method == http::Method::Patch);
  CHECK(f.unary.requests[4].method == http::Method::Delete);
  CHECK(f.streaming.requests.empty());
}

TEST_CASE("ApiClient: errors say what was asked and what was answered", "[kube]") {
  Fixture f;
  f.unary.turns = {{404, R"({"kind":"Status","reason":"NotFound","message":"gone"})"},
                   Turn{kRefused},
                   {429, "slow down", {{"Retry-After", "2"}}}};
  CHECK(f.api.get(f.ctx, kServices, f.key).error() ==
        Error{ErrorCode::NotFound, "get services team-a/agent: 404 NotFound: gone"});
  CHECK(f.api.apply(f.ctx, kServices, f.key, "{}", {.field_manager = "m"}).error() ==
        Error{ErrorCode::Unavailable, "patch services team-a/agent: connection refused"});
  CHECK(f.api.remove(f.ctx, kServices, f.key, "uid").error() ==
        Error{ErrorCode::ResourceExhausted, "delete services team-a/agent: 429: slow down", 2s});
  CHECK(f.observed ==
        std::vector<std::string>{"get services 404", "patch services 0", "delete services 429"});
}

TEST_CASE("ApiClient: a refused apply names the fields that others own", "[kube]") {
  Fixture f;
  f.unary.turns = {
      {409, R"({"kind":"Status","reason":"Conflict","details":{"causes":[{"reason":"FieldManagerConflict",
                             "field":".spec.a","message":"conflict with \"argocd\""}]}})"}};
  std::vector<FieldConflict> conflicts;
  const ApplyQuery query{.field_manager = "m", .force = false};
  CHECK(f.api.apply(f.ctx, kServices, f.key, "{}", query, &conflicts).error().code == ErrorCode::Conflict);
  CHECK(conflicts == std::vector<FieldConflict>{{"spec.a", "argocd"}});
}

TEST_CASE("ApiClient: a 401 is tried once more, nothing else is", "[kube]") {
  Fixture f;
  SECTION("a new token helps") {
    f.unary.turns = {{401, ""}, {200, "object"}};
    CHECK(f.api.get(f.ctx, kServices, f.key).value_or("") == "object");
    CHECK(f.observed == std::vector<std::string>{"get services 401", "get services 200 again"});
  }
  SECTION("a new token does not help") {
    f.unary.turns = {{401, ""}, {401, ""}};
    CHECK(f.api.get(f.ctx, kServices, f.key).error().code == ErrorCode::Unauthenticated);
  }
  SECTION("streams likewise") {
    f.streaming.turns = {{401, "who?"}, {200, "page"}};
    CHECK(f.list());
    CHECK(f.body == "page");
    CHECK(f.observed == std::vector<std::string>{"list services 401", "list services 200 again"});
    f.streaming.turns = {{401, ""}, {401, ""}};
    CHECK(f.list().error().code == ErrorCode::Unauthenticated);
  }
  SECTION("others") {
    f.unary.turns = {{503, ""}, {409, ""}, {500, ""}};
    CHECK(f.api.get(f.ctx, kServices, f.key).error().code == ErrorCode::Unavailable);
    CHECK(f.api.get(f.ctx, kServices, f.key).error().code == ErrorCode::Conflict);
    CHECK(f.api.get(f.ctx, kServices, f.key).error().code == ErrorCode::Unavailable);
  }
}

TEST_CASE("ApiClient: a stream hands on the bytes of a 200", "[kube]") {
  Fixture f;
  f.streaming.turns = {{200, std::vector<std::string>{"a", "b"}, std::nullopt}};
  CHECK(f.list());
  CHECK(f.body == "ab");
  CHECK(f.observed == std::vector<std::string>{"list services 200"});
  CHECK(f.unary.requests.empty());
}

TEST_CASE("ApiClient: a watch is observed when its answer begins, or when none comes", "[kube]") {
  Fixture f;
  f.streaming.turns = {{200, "event"}, Turn{kRefused}};
  std::size_t observed_before_bytes = 0;
  const auto watch = [&] {
    return f.api.stream(f.ctx, "watch", {.type = kServices}, {}, [&](std::string_view) {
      observed_before_bytes = f.observed.size();
      return ok();
    });
  };
  CHECK(watch());
  CHECK(observed_before_bytes == 1);
  CHECK_FALSE(watch());
  CHECK(f.observed == std::vector<std::string>{"watch services 200", "watch services 0"});
}

TEST_CASE("ApiClient: a stream that breaks is an error after its bytes", "[kube]") {
  Fixture f;
  f.streaming.turns = {{200, std::vector<std::string>{"a"}, Error{ErrorCode::DeadlineExceeded, "too late"}}};
  CHECK(f.list().error() == Error{ErrorCode::DeadlineExceeded, "list services team-a: too late"});
  CHECK(f.body == "a");
}

TEST_CASE("ApiClient: an error of the caller's comes back as it is", "[kube]") {
  Fixture f;
  f.streaming.turns = {{200, std::vector<std::string>{"a", "b"}, std::nullopt}};
  int calls = 0;
  const Status status = f.api.stream(f.ctx, "watch", {.type = kServices}, {}, [&](std::string_view) {
    ++calls;
    return Status{Error{ErrorCode::Expired, "list again"}};
  });
  CHECK(status.error() == Error{ErrorCode::Expired, "list again"});
  CHECK(calls == 1);
}

TEST_CASE("ApiClient: an error answer to a stream never reaches the caller's bytes", "[kube]") {
  Fixture f;
  SECTION("a Status in pieces") {
    f.streaming.turns = {
        {410, std::vector<std::string>{R"({"kind":"Status",)", R"("reason":"Expired","message":"old"})"},
         std::nullopt}};
    CHECK(f.list().error() == Error{ErrorCode::Expired, "list services team-a: 410 Expired: old"});
  }
  SECTION("an endless one") {
    f.streaming.turns = {{503, std::vector<std::string>(1000, std::string(1000, 'x')), std::nullopt}};
    const Status status = f.list();
    CHECK(status.error().code == ErrorCode::Unavailable);
    CHECK(status.error().message.size() < 1000);
  }
  SECTION("one that breaks") {
    f.streaming.turns = {{429, std::vector<std::string>{"slow"}, kRefused}};
    CHECK(f.list().error() == Error{ErrorCode::ResourceExhausted, "list services team-a: 429: slow"});
  }
  SECTION("another success") {
    f.streaming.turns = {{204, ""}};
    CHECK(f.list().error().code == ErrorCode::Internal);
  }
  CHECK(f.body.empty());
}

TEST_CASE("ApiClient: creates by POST to the collection", "[kube]") {
  Fixture f;
  f.unary.turns = {{201, "{}"}, {403, "no"}};
  CHECK(f.api.create(f.ctx, kEvents, "team-a", "{}"));
  CHECK(f.unary.requests.at(0).method == http::Method::Post);
  CHECK(f.unary.requests.at(0).target == "/apis/events.k8s.io/v1/namespaces/team-a/events");
  CHECK(f.api.create(f.ctx, kEvents, "team-a", "{}").error().code == ErrorCode::PermissionDenied);
}

}  // namespace
}  // namespace tp::kube
