#include "gateway/signatures/scheme.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/encoding.h"
#include "crypto/hmac.h"

namespace tp::gateway {
namespace {

constexpr std::array<std::string_view, 10> kVerdicts{"verified",
                                                     "missing_webhook_secret",
                                                     "missing_signature_header",
                                                     "missing_timestamp_header",
                                                     "missing_webhook_id_header",
                                                     "repeated_header",
                                                     "invalid_timestamp",
                                                     "stale_timestamp",
                                                     "invalid_signature_format",
                                                     "bad_signature"};

constexpr std::size_t kSha256Bytes = 32;
constexpr std::size_t kSha512Bytes = 64;
constexpr std::size_t kMinStandardKey = 24;  // Standard Webhooks, "Signature scheme"
constexpr std::size_t kMaxStandardKey = 64;

// The rest of `text` if it begins with `prefix`.
std::optional<std::string_view> after(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

// Calls f for each part of a list, without the spaces around it.
template <class F>
void each_part(std::string_view list, char separator, F f) {
  while (!list.empty()) {
    const std::size_t size = std::min(list.find(separator), list.size());
    std::string_view part = list.substr(0, size);
    list.remove_prefix(std::min(size + 1, list.size()));
    while (part.starts_with(' ') || part.starts_with('\t')) part.remove_prefix(1);
    while (part.ends_with(' ') || part.ends_with('\t')) part.remove_suffix(1);
    f(part);
  }
}

std::optional<std::chrono::seconds> parse_timestamp(std::string_view text) {
  constexpr std::size_t kMaxDigits = 12;  // until the year 33658, and no overflow anywhere
  std::int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const bool digits = !text.empty() && text.size() <= kMaxDigits && text.front() != '-' &&
                      std::from_chars(text.data(), end, seconds).ptr == end;
  if (!digits) return std::nullopt;
  return std::chrono::seconds{seconds};
}

// What a request says of itself. The first thing found wrong with it is its verdict; what is asked after that
// changes nothing, so a scheme reads as a list of what it asks, in order.
class Claim {
 public:
  explicit Claim(const SignedRequest& request) : request_(request) {}

  [[nodiscard]] const SignedRequest& request() const noexcept { return request_; }
  // BadSignature: nothing is wrong so far, and the digests decide.
  [[nodiscard]] Verdict verdict() const noexcept { return verdict_; }

  void require(bool holds, Verdict otherwise) {
    if (!holds && verdict_ == Verdict::BadSignature) verdict_ = otherwise;
  }

  std::string_view header(std::string_view name, Verdict missing) {
    const std::string_view value = request_.headers.find(name).value_or(std::string_view{});
    require(request_.headers.count(name) <= 1, Verdict::RepeatedHeader);
    require(!value.empty(), missing);
    return value;
  }

  // One that is not well-formed can match nothing and is left out.
  void add_digest(std::optional<std::string> digest, std::size_t size = kSha256Bytes) {
    if (digest && digest->size() == size) digests_.push_back(*std::move(digest));
  }

  // Asks for a digest, and for a recent timestamp where there is one.
  void finish(const std::optional<std::chrono::seconds>& timestamp = std::nullopt) {
    require(!digests_.empty(), Verdict::InvalidFormat);
    if (!timestamp) return;
    const auto now = std::chrono::floor<std::chrono::seconds>(request_.now.time_since_epoch());
    require(std::chrono::abs(now - *timestamp) <= Scheme::kTimestampTolerance, Verdict::StaleTimestamp);
  }

  // What is signed: these, then the body. At most kBefore.
  void signs(std::initializer_list<std::string_view> before) {
    std::copy(before.begin(), before.end(), parts_.begin());
  }

  [[nodiscard]] bool matches(std::string_view key) const {
    auto parts = parts_;
    parts.back() = request_.body;
    // All digests of a claim are of one size.
    return digests_.front().size() == kSha512Bytes ? any_is(crypto::hmac_sha512(key, parts))
                                                   : any_is(crypto::hmac_sha256(key, parts));
  }

 private:
  static constexpr std::size_t kBefore = 4;

  template <class Digest>
  [[nodiscard]] bool any_is(const Digest& right) const {
    bool found = false;
    for (const std::string& digest : digests_) found |= crypto::equal_constant_time(digest, right);
    return found;
  }

  const SignedRequest& request_;
  Verdict verdict_ = Verdict::BadSignature;
  std::array<std::string_view, kBefore + 1> parts_{};  // empty ones add nothing
  std::vector<std::string> digests_{};
};

void read_slack(Claim& claim) {
  const std::string_view signature = claim.header("X-Slack-Signature", Verdict::MissingSignature);
  const std::string_view timestamp = claim.header("X-Slack-Request-Timestamp", Verdict::MissingTimestamp);
  const auto time = parse_timestamp(timestamp);
  claim.require(time.has_value(), Verdict::InvalidTimestamp);
  if (const auto hex = after("v0=", signature)) claim.add_digest(crypto::from_hex(*hex));
  claim.finish(time);
  claim.signs({"v0:", timestamp, ":"});
}

void read_github(Claim& claim) {
  const std::string_view signature = claim.header("X-Hub-Signature-256", Verdict::MissingSignature);
  if (const auto hex = after("sha256=", signature)) claim.add_digest(crypto::from_hex(*hex));
  claim.finish();
}

void read_pagerduty(Claim& claim) {
  each_part(claim.header("X-PagerDuty-Signature", Verdict::MissingSignature), ',',
            [&](std::string_view part) {
              if (const auto hex = after("v1=", part)) claim.add_digest(crypto::from_hex(*hex));
            });
  claim.finish();
}

void read_standard(Claim& claim) {
  struct Family {
    std::string_view signature, timestamp, id;
  };
  constexpr Family kUnbranded{"webhook-signature", "webhook-timestamp", "webhook-id"};
  constexpr Family kSvix{"svix-signature", "svix-timestamp", "svix-id"};
  const auto used = [&](const Family& family) {
    const http::Headers& headers = claim.request().headers;
    return headers.find(family.signature) || headers.find(family.timestamp) || headers.find(family.id);
  };
  // With both there would be two answers to which of them was signed.
  claim.require(!used(kUnbranded) || !used(kSvix), Verdict::InvalidFormat);
  const Family& family = used(kSvix) ? kSvix : kUnbranded;

  const std::string_view signatures = claim.header(family.signature, Verdict::MissingSignature);
  const std::string_view timestamp = claim.header(family.timestamp, Verdict::MissingTimestamp);
  const std::string_view id = claim.header(family.id, Verdict::MissingId);
  const auto time = parse_timestamp(timestamp);
  claim.require(time.has_value(), Verdict::InvalidTimestamp);
  // Else "a.1" and "2" would be signed like "a" and "1.2".
  claim.require(id.find('.') == std::string_view::npos, Verdict::InvalidFormat);
  each_part(signatures, ' ', [&](std::string_view part) {
    if (const auto base64 = after("v1,", part)) claim.add_digest(crypto::from_base64(*base64));
  });
  claim.finish(time);
  claim.signs({id, ".", timestamp, "."});
}

void read_bare_hex(Claim& claim) {
  claim.add_digest(crypto::from_hex(claim.header("X-Signature", Verdict::MissingSignature)));
  claim.finish();
}

void read_generic(Claim& claim) {
  const std::string_view signature = claim.header("X-Signature", Verdict::MissingSignature);
  if (const auto sha256 = after("sha256=", signature)) claim.add_digest(crypto::from_hex(*sha256));
  if (const auto sha512 = after("sha512=", signature)) {
    claim.add_digest(crypto::from_hex(*sha512), kSha512Bytes);
  }
  claim.finish();
}

Error unusable(std::string why) { return Error{ErrorCode::InvalidArgument, std::move(why)}; }

// The bytes that a secret signs with.
Result<crypto::Secret> plain_key(const crypto::Secret& secret) {
  if (secret.empty()) return unusable("is empty");
  return secret;
}

Result<crypto::Secret> standard_key(const crypto::Secret& secret) {
  const std::string_view text = secret.reveal();
  if (text.starts_with("whsk_") || text.starts_with("whpk_")) {
    return unusable("is of an asymmetric key pair, and only shared secrets (whsec_) are supported");
  }
  auto bytes = crypto::from_base64(after("whsec_", text).value_or(text));
  if (!bytes) return unusable("is not base64 with padding, with or without whsec_ before it");
  crypto::Secret key{*std::move(bytes)};
  const std::size_t size = key.reveal().size();
  if (size < kMinStandardKey || size > kMaxStandardKey) {
    return unusable("is base64 of " + std::to_string(size) + " bytes, where Standard Webhooks has " +
                    std::to_string(kMinStandardKey) + " to " + std::to_string(kMaxStandardKey));
  }
  return key;
}

class HmacScheme final : public Scheme {
 public:
  using Read = void (*)(Claim&);
  using Key = Result<crypto::Secret> (*)(const crypto::Secret&);

  explicit HmacScheme(Read read, Key key = plain_key) : read_(read), key_(key) {}

  [[nodiscard]] Verification verify(const SignedRequest& request,
                                    std::span<const crypto::Secret> secrets) const override {
    if (secrets.empty()) return {.verdict = Verdict::MissingSecret};
    Claim claim{request};
    read_(claim);
    if (claim.verdict() != Verdict::BadSignature) return {.verdict = claim.verdict()};
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < secrets.size(); ++i) {
      const Result<crypto::Secret> key = key_(secrets[i]);
      if (key && claim.matches(key->reveal()) && !found) found = i;
    }
    if (!found) return {.verdict = Verdict::BadSignature};
    return {.verdict = Verdict::Verified, .secret = *found};
  }

  [[nodiscard]] Status check_secret(const crypto::Secret& secret) const override {
    TP_TRY(key_(secret));
    return ok();
  }

 private:
  Read read_;
  Key key_;
};

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
  return kVerdicts.at(static_cast<std::size_t>(verdict));
}

const Scheme& slack_v0() {
  static const HmacScheme kScheme{read_slack};
  return kScheme;
}
const Scheme& github_sha256() {
  static const HmacScheme kScheme{read_github};
  return kScheme;
}
const Scheme& pagerduty_v1() {
  static const HmacScheme kScheme{read_pagerduty};
  return kScheme;
}
const Scheme& standard_webhooks() {
  static const HmacScheme kScheme{read_standard, standard_key};
  return kScheme;
}
Status sign_standard_webhook(const crypto::Secret& secret,
                             std::string_view id,
                             WallTime now,
                             http::Request& request) {
  TP_ASSIGN_OR_RETURN(const crypto::Secret key, standard_key(secret));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  const std::string timestamp = std::to_string(seconds.count());
  const std::array<std::string_view, 5> parts{id, ".", timestamp, ".", request.body};
  const auto digest = crypto::hmac_sha256(key.reveal(), parts);
  std::string bytes;
  for (const std::byte byte : digest) bytes.push_back(static_cast<char>(byte));
  request.headers.set("webhook-id", std::string{id});
  request.headers.set("webhook-timestamp", timestamp);
  request.headers.set("webhook-signature", "v1," + crypto::to_base64(bytes));
  return ok();
}
const Scheme& bare_hex() {
  static const HmacScheme kScheme{read_bare_hex};
  return kScheme;
}
const Scheme& generic_hmac() {
  static const HmacScheme kScheme{read_generic};
  return kScheme;
}

}  // namespace tp::gateway
