// What the senders, or libraries that they maintain, publish as examples of their signatures.
#include <array>
#include <chrono>
#include <string>

#include "base/env.h"
#include "gateway/signatures/scheme.h"
#include "support/catch.h"

namespace tp::gateway {
namespace {

Verdict verify(const Scheme& scheme,
               const std::string& secret,
               const http::Headers& headers,
               std::string_view body,
               std::int64_t now = 0) {
  const std::array secrets{crypto::Secret{secret}};
  const SignedRequest request{.headers = headers, .body = body, .now = WallTime{std::chrono::seconds{now}}};
  return scheme.verify(request, secrets).verdict;
}

// https://docs.slack.dev/authentication/verifying-requests-from-slack
TEST_CASE("Slack's example verifies") {
  const std::string body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
      "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
      "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%"
      "2F96rGlfmibIGlgcZRskXaIFfN"
      "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
  const std::string secret = "8f742231b10e8888abcd99yyyzzz85a5";
  const http::Headers headers{
      {"X-Slack-Request-Timestamp", "1531420618"},
      {"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"}};
  CHECK(verify(slack_v0(), secret, headers, body, 1531420618) == Verdict::Verified);
  CHECK(verify(slack_v0(), secret, headers, body, 1531420618 + 301) == Verdict::StaleTimestamp);
  CHECK(verify(slack_v0(), secret, headers, body + "&ssl_check=1", 1531420618) == Verdict::BadSignature);
}

// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, and the tests of
// https://github.com/octokit/webhooks-methods.js
TEST_CASE("GitHub's and Octokit's examples verify") {
  struct Case {
    std::string secret, body, digest;
  };
  const std::array cases{
      Case{"It's a Secret to Everybody", "Hello, World!",
           "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
      Case{"mysecret", R"({"foo":"bar"})",
           "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"},
      Case{"development", R"({"foo":"Foo\n\u001B[34mbar: ♥♥♥♥♥♥♥♥\nthis-is-lost\u001B[0m\u001B[2K"})",
           "afecc3caa27548bb90d51a50384cb2868b9a3327b4ad6a01c9bd4ed0f8b0b12c"},
      Case{"development", R"({"foo":"\\u001b"})",
           "6f8326efbacfbd04e870cea25b5652e635be8c9807f2fd5348ef60753c9e96ed"},
  };
  for (const auto& [secret, body, digest] : cases) {
    CAPTURE(body);
    const http::Headers headers{{"X-Hub-Signature-256", "sha256=" + digest}};
    CHECK(verify(github_sha256(), secret, headers, body) == Verdict::Verified);
    CHECK(verify(github_sha256(), secret, headers, body + "\n") == Verdict::BadSignature);
    CHECK(verify(github_sha256(), secret + "x", headers, body) == Verdict::BadSignature);
  }
}

// The values of webhookv3/webhookv3_test.go in https://github.com/PagerDuty/go-pagerduty; the file holds the
// payload that they are for.
TEST_CASE("PagerDuty's example verifies") {
  const std::string body = *read_file(TP_SOURCE_DIR "/tests/fixtures/webhooks/pagerduty/vector.json");
  REQUIRE(body.size() == 1655);
  const std::string secret = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK";
  const std::string right = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd";
  const std::string wrong = "v1=7020c8a7ec668a9b7012bc3dd82e483394b038f4230acc6785efbf2a7d8bcaf5";
  const auto judge = [&](const std::string& signature, std::string_view text) {
    return verify(pagerduty_v1(), secret, {{"X-PagerDuty-Signature", signature}}, text);
  };
  CHECK(judge(right, body) == Verdict::Verified);
  CHECK(judge(wrong + "," + right, body) == Verdict::Verified);  // while a secret is exchanged
  CHECK(judge(wrong, body) == Verdict::BadSignature);
  CHECK(judge(right, "") == Verdict::BadSignature);
  CHECK(judge("", body) == Verdict::MissingSignature);
}

constexpr auto kKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr auto kId = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr std::int64_t kTime = 1614265330;

Verdict verify_standard(const std::string& signature, std::string_view body) {
  const http::Headers headers{
      {"webhook-id", kId}, {"webhook-timestamp", std::to_string(kTime)}, {"webhook-signature", signature}};
  return verify(standard_webhooks(), kKey, headers, body, kTime);
}

// The test of every library of https://github.com/standard-webhooks/standard-webhooks
TEST_CASE("the example of Standard Webhooks verifies") {
  const std::string body = R"({"test": 2432232314})";
  const std::string signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  CHECK(verify_standard(signature, body) == Verdict::Verified);
  const std::string other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
  CHECK(verify_standard(other + " " + signature, body) == Verdict::Verified);
  CHECK(verify_standard("v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= " + signature, body) ==
        Verdict::Verified);

  CHECK(verify_standard(other, body) == Verdict::BadSignature);
  CHECK(verify_standard("v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=", body) == Verdict::InvalidFormat);
  CHECK(verify_standard("v2" + signature.substr(2), body) == Verdict::InvalidFormat);
  CHECK(verify_standard("v1,", body) == Verdict::InvalidFormat);
  CHECK(verify_standard(signature.substr(0, 8), body) == Verdict::InvalidFormat);
  // The same message signed with Ed25519: another scheme, which needs a public key.
  CHECK(verify_standard(
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            body) == Verdict::InvalidFormat);
}

TEST_CASE("we sign as its libraries do") {
  http::Request request{http::Method::Post, "/", {}, R"({"test": 2432232314})"};
  const WallTime at{std::chrono::seconds{kTime} + std::chrono::milliseconds{900}};
  REQUIRE(sign_standard_webhook(crypto::Secret{kKey}, kId, at, request));
  CHECK(request.headers.find("webhook-id") == kId);
  CHECK(request.headers.find("webhook-timestamp") == std::to_string(kTime));
  CHECK(request.headers.find("webhook-signature") == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  const Status weak = sign_standard_webhook(crypto::Secret{"whsec_c2hvcnQ="}, kId, at, request);
  REQUIRE_FALSE(weak);
  CHECK(weak.error().message.find("c2hvcnQ") == std::string::npos);
}

TEST_CASE("the example of Svix verifies under its own header names") {
  const http::Headers headers{{"svix-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"},
                              {"svix-timestamp", "1649367553"},
                              {"svix-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="}};
  CHECK(verify(standard_webhooks(), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", headers,
               R"({"email":"test@example.com","username":"test_user"})", 1649367553) == Verdict::Verified);
}

// The tests of Svix's C# library: bodies of "a".
TEST_CASE("large bodies verify") {
  struct Case {
    std::size_t size;
    std::string signature;
  };
  const std::array cases{Case{1048576, "v1,txpEUxqWZJ5nteTnymUVa+7C4NHpBeXJ6CsBAW0c3/A="},
                         Case{262144, "v1,Mw4Pe2WgApuT7NSqnSq0PQPV9gbLdggCl9B865x5Xh0="},
                         Case{262143, "v1,NTItnqyWMoFhk2Bbe5V/BMdcFRWgcSQaTgqLHX7FC7c="}};
  for (const auto& [size, signature] : cases) {
    CAPTURE(size);
    CHECK(verify_standard(signature, std::string(size, 'a')) == Verdict::Verified);
    CHECK(verify_standard(signature, std::string(size - 1, 'a')) == Verdict::BadSignature);
  }
}

}  // namespace
}  // namespace tp::gateway
