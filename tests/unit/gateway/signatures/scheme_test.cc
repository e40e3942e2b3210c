#include "gateway/signatures/scheme.h"

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "crypto/encoding.h"
#include "crypto/hmac.h"
#include "support/catch.h"

namespace tp::gateway {
namespace {

using Headers = http::Headers;

constexpr std::int64_t kNow = 1'700'000'000;
const std::string kBody = R"({"a":1})";

std::string hex(std::string_view key, const std::string& text) {
  const std::array<std::string_view, 1> parts{text};
  return crypto::to_hex(crypto::hmac_sha256(key, parts));
}
std::string mac(std::string_view key, const std::string& text) { return *crypto::from_hex(hex(key, text)); }
std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

// A scheme, how its sender signs, and a right request.
struct Sender {
  const Scheme& scheme;
  std::string secret, other_secret;
  std::string signature_header;
  std::function<std::string(const std::string& secret, const std::string& timestamp)> sign;
  std::string timestamp_header{}, id_header{};

  [[nodiscard]] Headers headers(const std::string& signature,
                                const std::string& timestamp = std::to_string(kNow)) const {
    Headers headers{{signature_header, signature}};
    if (!timestamp_header.empty()) headers.add(timestamp_header, timestamp);
    if (!id_header.empty()) headers.add(id_header, "msg_1");
    return headers;
  }
  [[nodiscard]] std::string signature(const std::string& by) const { return sign(by, std::to_string(kNow)); }
  [[nodiscard]] Headers right() const { return headers(signature(secret)); }
};

const std::string kStandardKey(24, 'k');
const std::string kOtherStandardKey(64, 'o');

std::string standard_signature(const std::string& secret, const std::string& timestamp) {
  const std::string key = *crypto::from_base64(secret.substr(6));
  return "v1," + crypto::to_base64(mac(key, "msg_1." + timestamp + "." + kBody));
}

const std::vector<Sender>& senders() {
  static const std::vector<Sender> kSenders{
      {slack_v0(), "slack", "other", "X-Slack-Signature",
       [](const auto& key, const auto& time) { return "v0=" + hex(key, "v0:" + time + ":" + kBody); },
       "X-Slack-Request-Timestamp"},
      {github_sha256(), "github", "other", "X-Hub-Signature-256",
       [](const auto& key, const auto&) { return "sha256=" + hex(key, kBody); }},
      {pagerduty_v1(), "pagerduty", "other", "X-PagerDuty-Signature",
       [](const auto& key, const auto&) { return "v1=" + hex(key, kBody); }},
      {standard_webhooks(), "whsec_" + crypto::to_base64(kStandardKey),
       "whsec_" + crypto::to_base64(kOtherStandardKey), "webhook-signature", standard_signature,
       "webhook-timestamp", "webhook-id"},
      {bare_hex(), "circleback", "other", "x-signature",
       [](const auto& key, const auto&) { return hex(key, kBody); }},
      {generic_hmac(), "generic", "other", "X-Signature",
       [](const auto& key, const auto&) { return "sha256=" + hex(key, kBody); }},
  };
  return kSenders;
}

Verification verify(const Scheme& scheme,
                    const std::vector<std::string>& texts,
                    const Headers& headers,
                    std::string_view body = kBody,
                    std::int64_t now = kNow) {
  std::vector<crypto::Secret> secrets;
  for (const std::string& text : texts) secrets.emplace_back(text);
  return scheme.verify({.headers = headers, .body = body, .now = WallTime{std::chrono::seconds{now}}},
                       secrets);
}
Verdict judge(const Sender& sender, const Headers& headers, std::int64_t now = kNow) {
  return verify(sender.scheme, {sender.secret}, headers, kBody, now).verdict;
}

TEST_CASE("a right request is verified, and changes of anything are noticed") {
  for (const Sender& sender : senders()) {
    CAPTURE(sender.signature_header);
    const Headers right = sender.right();
    CHECK(judge(sender, right) == Verdict::Verified);
    CHECK(verify(sender.scheme, {sender.other_secret}, right).verdict == Verdict::BadSignature);
    CHECK(verify(sender.scheme, {sender.secret}, right, kBody + " ").verdict == Verdict::BadSignature);
    CHECK(verify(sender.scheme, {sender.secret}, right, "").verdict == Verdict::BadSignature);
    if (!sender.timestamp_header.empty()) {
      CHECK(judge(sender, sender.headers(sender.signature(sender.secret), std::to_string(kNow - 1))) ==
            Verdict::BadSignature);
    }
    if (!sender.id_header.empty()) {
      Headers headers = right;
      headers.set(sender.id_header, "msg_2");
      CHECK(judge(sender, headers) == Verdict::BadSignature);
    }
  }
}

TEST_CASE("any of several secrets verifies, and the answer says which") {
  for (const Sender& sender : senders()) {
    CAPTURE(sender.signature_header);
    const auto first = verify(sender.scheme, {sender.secret, sender.other_secret}, sender.right());
    CHECK((first.verdict == Verdict::Verified && first.secret == 0));
    const auto second = verify(sender.scheme, {sender.other_secret, sender.secret}, sender.right());
    CHECK((second.verdict == Verdict::Verified && second.secret == 1));
    const auto both =
        verify(sender.scheme, {sender.other_secret, sender.secret, sender.secret}, sender.right());
    CHECK(both.secret == 1);
  }
}

TEST_CASE("without a secret nothing is verified, whatever else is wrong") {
  for (const Sender& sender : senders()) {
    CHECK(verify(sender.scheme, {}, sender.right()).verdict == Verdict::MissingSecret);
    CHECK(verify(sender.scheme, {}, {}).verdict == Verdict::MissingSecret);
    // An empty one must never be taken for a key: anybody could sign with it.
    CHECK(verify(sender.scheme, {""},
                 sender.headers(sender.sign(sender.id_header.empty() ? "" : "whsec_", std::to_string(kNow))))
              .verdict == Verdict::BadSignature);
  }
}

TEST_CASE("headers that are missing or repeated") {
  for (const Sender& sender : senders()) {
    CAPTURE(sender.signature_header);
    struct Needed {
      std::string name;
      Verdict missing;
    };
    std::vector<Needed> needed{{sender.signature_header, Verdict::MissingSignature}};
    if (!sender.timestamp_header.empty())
      needed.push_back({sender.timestamp_header, Verdict::MissingTimestamp});
    if (!sender.id_header.empty()) needed.push_back({sender.id_header, Verdict::MissingId});
    for (const auto& [name, missing] : needed) {
      CAPTURE(name);
      Headers without;
      for (const auto& [field, value] : sender.right()) {
        if (field != name) without.add(field, value);
      }
      CHECK(judge(sender, without) == missing);
      Headers empty = sender.right();
      empty.set(name, "");
      CHECK(judge(sender, empty) == missing);
      Headers repeated = sender.right();
      repeated.add(upper(name), std::string{*repeated.find(name)});
      CHECK(judge(sender, repeated) == Verdict::RepeatedHeader);
    }
    CHECK(judge(sender, {}) == Verdict::MissingSignature);
  }
}

TEST_CASE("a timestamp is at most 12 digits") {
  for (const Sender& sender : senders()) {
    if (sender.timestamp_header.empty()) continue;
    const std::string now = std::to_string(kNow);
    const std::vector<std::string> invalid{
        " ",         " " + now,    now + " ", "+" + now, "-" + now,  now + ".0",      ".9",
        now + "abc", "0x6553f100", "1.7e9",   "NaN",     "infinity", "0000000000000", "99999999999999999999",
        "١٧٠٠٠٠٠٠٠٠"};
    for (const std::string& timestamp : invalid) {
      CAPTURE(sender.timestamp_header, timestamp);
      CHECK(judge(sender, sender.headers(sender.sign(sender.secret, timestamp), timestamp)) ==
            Verdict::InvalidTimestamp);
    }
    // Leading zeros are digits, and signed as they came.
    CHECK(judge(sender, sender.headers(sender.sign(sender.secret, "00" + now), "00" + now)) ==
          Verdict::Verified);
    CHECK(judge(sender, sender.headers(sender.sign(sender.secret, "999999999999"), "999999999999")) ==
          Verdict::StaleTimestamp);
  }
}

TEST_CASE("a timestamp may be 300 s off to either side") {
  for (const Sender& sender : senders()) {
    const bool timed = !sender.timestamp_header.empty();
    CHECK(judge(sender, sender.right(), kNow + 300) == Verdict::Verified);
    CHECK(judge(sender, sender.right(), kNow - 300) == Verdict::Verified);
    CHECK(judge(sender, sender.right(), kNow + 301) == (timed ? Verdict::StaleTimestamp : Verdict::Verified));
    CHECK(judge(sender, sender.right(), kNow - 301) == (timed ? Verdict::StaleTimestamp : Verdict::Verified));
    CHECK(judge(sender, sender.right(), 0) == (timed ? Verdict::StaleTimestamp : Verdict::Verified));
  }
}

TEST_CASE("parts of a second do not make a timestamp stale") {
  const Sender& slack = senders().front();
  const std::array secrets{crypto::Secret{slack.secret}};
  const Headers headers = slack.right();
  const WallTime now = WallTime{std::chrono::seconds{kNow + 300}} + std::chrono::milliseconds{999};
  CHECK(slack.scheme.verify({.headers = headers, .body = kBody, .now = now}, secrets).verdict ==
        Verdict::Verified);
}

TEST_CASE("signatures of another form") {
  for (const Sender& sender : senders()) {
    const std::string right = sender.signature(sender.secret);
    const std::size_t digest = std::min(right.find_first_of("=,") + 1, right.size() - 44);
    const std::string prefix = sender.signature_header == "x-signature" ? "" : right.substr(0, digest);
    const std::string text = right.substr(prefix.size());
    for (const std::string& signature :
         {prefix + text.substr(1), prefix + text + "0", prefix + text + text, prefix + "!" + text.substr(1),
          prefix + " " + text, "x" + right, upper(prefix) + text + "=", text + "x", "v9" + right,
          prefix + "''", std::string{"="}, std::string{","}, std::string{" "},
          "sha1=" + text.substr(0, 40)}) {
      CAPTURE(sender.signature_header, signature);
      CHECK(judge(sender, sender.headers(signature)) == Verdict::InvalidFormat);
    }
  }
}

TEST_CASE("the digits of a right signature may be upper-case") {
  for (const Sender& sender : senders()) {
    if (!sender.id_header.empty()) continue;  // base64
    const std::string right = sender.signature(sender.secret);
    const std::size_t digest = right.size() - 64;
    CHECK(judge(sender, sender.headers(right.substr(0, digest) + upper(right.substr(digest)))) ==
          Verdict::Verified);
  }
}

TEST_CASE("a verdict is found in a fixed order") {
  const Sender& standard = senders().at(3);
  const std::string bad = standard.signature(standard.other_secret);
  const auto with = [&](const std::string& signature, const std::string& timestamp, const std::string& id) {
    Headers headers = standard.headers(signature, timestamp);
    headers.set("webhook-id", id);
    return judge(standard, headers);
  };
  CHECK(with("", "", "") == Verdict::MissingSignature);
  CHECK(with("x", "", "") == Verdict::MissingTimestamp);
  CHECK(with("x", "x", "") == Verdict::MissingId);
  CHECK(with("x", "x", "i") == Verdict::InvalidTimestamp);
  CHECK(with("x", "1", "i") == Verdict::InvalidFormat);
  CHECK(with(bad, "1", "i") == Verdict::StaleTimestamp);
  CHECK(with(bad, std::to_string(kNow), "i") == Verdict::BadSignature);
}

TEST_CASE("GitHub's SHA-1 signature is never looked at") {
  const Sender& github = senders().at(1);
  CHECK(judge(github, {{"X-Hub-Signature", "sha1=0000000000000000000000000000000000000000"}}) ==
        Verdict::MissingSignature);
  CHECK(judge(github, {{"X-Hub-Signature", github.signature(github.secret)}}) == Verdict::MissingSignature);
}

TEST_CASE("PagerDuty signs once for each of its active secrets") {
  const Sender& pagerduty = senders().at(2);
  const std::string right = pagerduty.signature(pagerduty.secret);
  const std::string wrong = pagerduty.signature(pagerduty.other_secret);
  for (const std::string& list :
       {wrong + "," + right, right + "," + wrong, wrong + " ,\t" + right + " ", "v2=abc," + right,
        "v1=abc," + right, "," + right + ",,", right + "," + right}) {
    CAPTURE(list);
    CHECK(judge(pagerduty, pagerduty.headers(list)) == Verdict::Verified);
  }
  CHECK(judge(pagerduty, pagerduty.headers(wrong + "," + wrong)) == Verdict::BadSignature);
  CHECK(judge(pagerduty, pagerduty.headers(right + ";" + wrong)) == Verdict::InvalidFormat);
  CHECK(judge(pagerduty, pagerduty.headers("v2=" + right.substr(3))) == Verdict::InvalidFormat);
}

TEST_CASE("Standard Webhooks: a list, an unmixed family of headers, an id without dots") {
  const Sender& standard = senders().at(3);
  const std::string right = standard.signature(standard.secret);
  const std::string wrong = standard.signature(standard.other_secret);
  for (const std::string& list : {wrong + " " + right, right + "  " + wrong,
                                  "v1a," + right.substr(3) + " " + right, "v1,short= " + right}) {
    CAPTURE(list);
    CHECK(judge(standard, standard.headers(list)) == Verdict::Verified);
  }
  CHECK(judge(standard, standard.headers("v1a," + right.substr(3))) == Verdict::InvalidFormat);
  CHECK(judge(standard, standard.headers(right.substr(0, right.size() - 1))) == Verdict::InvalidFormat);
  CHECK(judge(standard, standard.headers(wrong + "," + right)) == Verdict::InvalidFormat);

  Headers branded;
  for (const auto& [name, value] : standard.right()) branded.add("Svix" + name.substr(7), value);
  CHECK(judge(standard, branded) == Verdict::Verified);
  for (const auto& [name, value] : branded) {
    Headers mixed = standard.right();
    mixed.add(name, value);
    CAPTURE(name);
    CHECK(judge(standard, mixed) == Verdict::InvalidFormat);
    Headers other_way = branded;
    other_way.add("webhook" + name.substr(4), value);
    CHECK(judge(standard, other_way) == Verdict::InvalidFormat);
  }

  // Signed rightly by somebody who calls the message "msg_1.5" - or the timestamp "5.1700000000".
  Headers dotted = standard.right();
  dotted.set("webhook-id", "msg_1.5");
  const std::string text = "msg_1.5." + std::to_string(kNow) + "." + kBody;
  dotted.set("webhook-signature", "v1," + crypto::to_base64(mac(kStandardKey, text)));
  CHECK(judge(standard, dotted) == Verdict::InvalidFormat);
}

TEST_CASE("the generic scheme also knows SHA-512") {
  const Sender& generic = senders().back();
  const std::array<std::string_view, 1> parts{kBody};
  const std::string right = crypto::to_hex(crypto::hmac_sha512(generic.secret, parts));
  CHECK(judge(generic, generic.headers("sha512=" + right)) == Verdict::Verified);
  CHECK(verify(generic.scheme, {generic.secret}, generic.headers("sha512=" + right), "x").verdict ==
        Verdict::BadSignature);
  CHECK(judge(generic, generic.headers("sha256=" + right)) == Verdict::InvalidFormat);
  CHECK(judge(generic, generic.headers("sha512=" + right.substr(64))) == Verdict::InvalidFormat);
}

TEST_CASE("what can be a secret") {
  for (const Sender& sender : senders()) {
    CAPTURE(sender.signature_header);
    CHECK(sender.scheme.check_secret(crypto::Secret{sender.secret}));
    CHECK(sender.scheme.check_secret(crypto::Secret{sender.other_secret}));
    const auto empty = sender.scheme.check_secret(crypto::Secret{});
    REQUIRE_FALSE(empty);
    CHECK(empty.error().code == ErrorCode::InvalidArgument);
  }
  const auto why = [](const std::string& secret) {
    const Status status = standard_webhooks().check_secret(crypto::Secret{secret});
    return status ? std::string{} : status.error().message;
  };
  CHECK(why(crypto::to_base64(kStandardKey)).empty());  // without whsec_
  CHECK(why("whsec_not base64").starts_with("is not base64"));
  CHECK(why("whsec_" + crypto::to_base64(std::string(23, 'x'))).starts_with("is base64 of 23 bytes"));
  CHECK(why("whsec_" + crypto::to_base64(std::string(65, 'x'))).starts_with("is base64 of 65 bytes"));
  CHECK(why("whsk_" + crypto::to_base64(kStandardKey)).starts_with("is of an asymmetric key pair"));
  // A secret that cannot be used verifies nothing, and does not disturb those that can.
  const Sender& standard = senders().at(3);
  CHECK(verify(standard.scheme, {"whsec_!", standard.secret}, standard.right()).secret == 1);
}

TEST_CASE("verdicts have the words that old clients know") {
  CHECK(to_string(Verdict::Verified) == "verified");
  CHECK(to_string(Verdict::MissingSecret) == "missing_webhook_secret");
  CHECK(to_string(Verdict::MissingSignature) == "missing_signature_header");
  CHECK(to_string(Verdict::MissingTimestamp) == "missing_timestamp_header");
  CHECK(to_string(Verdict::MissingId) == "missing_webhook_id_header");
  CHECK(to_string(Verdict::RepeatedHeader) == "repeated_header");
  CHECK(to_string(Verdict::InvalidTimestamp) == "invalid_timestamp");
  CHECK(to_string(Verdict::StaleTimestamp) == "stale_timestamp");
  CHECK(to_string(Verdict::InvalidFormat) == "invalid_signature_format");
  CHECK(to_string(Verdict::BadSignature) == "bad_signature");
}

}  // namespace
}  // namespace tp::gateway
