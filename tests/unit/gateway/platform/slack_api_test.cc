#include "gateway/platform/slack_api.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/script_http_client.h"

namespace tp::gateway {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::ScriptHttpClient;

struct Fixture {
  test::FakeClock clock;
  ScriptHttpClient http;
  SlackApi slack{http, crypto::Secret{"xoxb-1"}, clock};
  SlackResponses responses{{{"https://hooks.slack.com", &http}}, clock};
  Context ctx{};

  void answers(std::vector<std::string> target_has,
               std::string body,
               int status = 200,
               http::Headers headers = {}) {
    http.add(std::move(target_has),
             {status, {std::move(body)}, ScriptHttpClient::End::Close, std::move(headers)});
  }
};

TEST_CASE_METHOD(Fixture, "slack: a message into a thread") {
  answers({"/chat.postMessage"}, R"({"ok":true,"ts":"1.2"})");
  REQUIRE(slack.post_message(ctx, "C1", "1.0", "hello"));
  const http::Request sent = http.requests().back();
  CHECK(sent.headers.find("Authorization") == "Bearer xoxb-1");
  CHECK(sent.headers.find("Content-Type") == "application/json; charset=utf-8");
  CHECK(sent.headers.count("Content-Type") == 1);
  CHECK(json::parse(sent.body) == json{{"channel", "C1"}, {"thread_ts", "1.0"}, {"text", "hello"}});
  answers({}, R"({"ok":true})");
  REQUIRE(slack.post_message(ctx, "C1", "", "hello"));
  CHECK_FALSE(json::parse(http.requests().back().body).contains("thread_ts"));
}

TEST_CASE_METHOD(Fixture, "slack: a view") {
  answers({"/views.open"}, R"({"ok":true})");
  REQUIRE(slack.open_view(ctx, "trigger", {{"type", "modal"}}));
  CHECK(json::parse(http.requests().back().body) ==
        json{{"trigger_id", "trigger"}, {"view", {{"type", "modal"}}}});
}

TEST_CASE_METHOD(Fixture, "slack: a 200 may say no") {
  struct Row {
    std::string body;
    ErrorCode code;
    std::string ends_with;
  };
  for (const Row& row : std::vector<Row>{
           {R"({"ok":false,"error":"channel_not_found"})", ErrorCode::InvalidArgument, "channel_not_found"},
           {R"({"ok":false,"error":"expired_trigger_id"})", ErrorCode::InvalidArgument, "expired_trigger_id"},
           {R"({"ok":false,"error":"invalid_auth"})", ErrorCode::Unauthenticated, "invalid_auth"},
           {R"({"ok":false,"error":"ratelimited"})", ErrorCode::ResourceExhausted, "ratelimited"},
           {R"({"ok":false,"error":"internal_error"})", ErrorCode::Unavailable, "internal_error"},
           {R"({"ok":false,"error":"Bad\nWords"})", ErrorCode::InvalidArgument, "not ok"},
           {"{}", ErrorCode::InvalidArgument, "not ok"},
           {"[]", ErrorCode::InvalidArgument, "not ok"},
           {"", ErrorCode::InvalidArgument, "not ok"},
           {"<html>", ErrorCode::DataLoss, "not JSON"}}) {
    INFO(row.body);
    answers({}, row.body);
    const Status posted = slack.post_message(ctx, "C1", "1.0", "hello");
    REQUIRE_FALSE(posted);
    CHECK(posted.error().code == row.code);
    CHECK(posted.error().message.ends_with(row.ends_with));
  }
}

TEST_CASE_METHOD(Fixture, "slack: 429 says when to come again") {
  answers({}, R"({"ok":false,"error":"ratelimited"})", 429, {{"Retry-After", "30"}});
  const Status posted = slack.post_message(ctx, "C1", "1.0", "hello");
  REQUIRE_FALSE(posted);
  CHECK(posted.error().code == ErrorCode::ResourceExhausted);
  CHECK(posted.error().retry_after == 30s);
}

TEST_CASE_METHOD(Fixture, "response urls: answered at Slack, seen by one, and by nobody else") {
  answers({"/actions/T1/2/secret"}, "ok");
  REQUIRE(responses.reply(ctx, "https://hooks.slack.com/actions/T1/2/secret", "Thanks for your feedback!"));
  CHECK(json::parse(http.requests().back().body) ==
        json::parse(
            R"({"response_type":"ephemeral","replace_original":false,"text":"Thanks for your feedback!"})"));
  CHECK_FALSE(http.requests().back().headers.find("Authorization"));
}

TEST_CASE_METHOD(Fixture, "response urls: no other place is called, and no error tells the url") {
  for (const char* url :
       {"", "http://hooks.slack.com/x", "https://hooks.slack.com", "https://hooks.slack.com.evil.example/x",
        "https://hooks.slack.com@evil.example/x", "https://hooks.slack.com:444/x",
        "https://evil.example/https://hooks.slack.com/", "HTTPS://HOOKS.SLACK.COM/x"}) {
    INFO(url);
    const Status replied = responses.reply(ctx, url, "x");
    REQUIRE_FALSE(replied);
    CHECK(replied.error().code == ErrorCode::PermissionDenied);
    CHECK(replied.error().message.find("evil") == std::string::npos);
  }
  CHECK(http.requests().empty());

  answers({}, "no_service", 404);
  const Status gone = responses.reply(ctx, "https://hooks.slack.com/actions/secret", "x");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::NotFound);
  CHECK(gone.error().message.find("secret") == std::string::npos);
  http.add({}, {200, {}, ScriptHttpClient::End::Refuse});
  const Status lost = responses.reply(ctx, "https://hooks.slack.com/actions/secret", "x");
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == ErrorCode::Unavailable);
  CHECK(lost.error().message.find("secret") == std::string::npos);
}

}  // namespace
}  // namespace tp::gateway
