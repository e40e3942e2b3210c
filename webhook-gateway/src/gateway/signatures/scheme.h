#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "http/types.h"

// How webhooks are signed. Pure.
namespace tp::gateway {

// Why a request is not believed: the word that old clients know from the 401's text, and metrics have as a
// label.
enum class Verdict {
  Verified,
  MissingSecret,     // missing_webhook_secret: none is configured; never a reason to skip
  MissingSignature,  // missing_signature_header
  MissingTimestamp,  // missing_timestamp_header
  MissingId,         // missing_webhook_id_header
  RepeatedHeader,    // repeated_header: a header that the signature depends on came twice
  InvalidTimestamp,  // invalid_timestamp
  StaleTimestamp,    // stale_timestamp
  InvalidFormat,     // invalid_signature_format
  BadSignature,      // bad_signature
};

[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;

struct SignedRequest {
  const http::Headers& headers;
  std::string_view body;  // the raw bytes
  WallTime now{};
};

struct Verification {
  Verdict verdict = Verdict::BadSignature;
  std::size_t secret = 0;  // index of the secret that verified it, if any did; the first of several
};

// Verifies requests of one kind of sender. Every secret is tried in full whatever the outcome, and digests
// are compared in constant time, so the time taken tells nothing about them. Stateless and thread-safe.
//
// Common to all: a verdict is found in the order missing secret, signature, timestamp and id header, form of
// the timestamp, form of the signature, staleness, digest; an empty header is a missing one; header names
// have no case, everything else has, except that hexadecimal digits may be upper-case (a digest is compared
// as bytes). Timestamps are Unix seconds of at most 12 digits and may differ from `now` by
// kTimestampTolerance to either side.
class Scheme {
 public:
  // What Slack and Standard Webhooks prescribe.
  static constexpr std::chrono::seconds kTimestampTolerance{300};

  Scheme() = default;
  Scheme(const Scheme&) = delete;
  Scheme& operator=(const Scheme&) = delete;
  virtual ~Scheme() = default;

  [[nodiscard]] virtual Verification verify(const SignedRequest& request,
                                            std::span<const crypto::Secret> secrets) const = 0;
  // Whether a secret can be used with this scheme at all, e.g. that a Standard Webhooks secret is base64 of
  // 24 to 64 bytes. InvalidArgument says what is wrong with it and never quotes it. Told when secrets are
  // loaded.
  [[nodiscard]] virtual Status check_secret(const crypto::Secret& secret) const = 0;
};

// X-Slack-Signature: v0=hex over "v0:" X-Slack-Request-Timestamp ":" body.
[[nodiscard]] const Scheme& slack_v0();
// X-Hub-Signature-256: sha256=hex over the body. The older X-Hub-Signature (SHA-1) is never looked at.
[[nodiscard]] const Scheme& github_sha256();
// X-PagerDuty-Signature: v1=hex over the body; a comma-separated list with one for each secret that is active
// there, of which one has to match. What is not v1= is skipped.
[[nodiscard]] const Scheme& pagerduty_v1();
// webhook-id, webhook-timestamp, webhook-signature (or all three with svix-; never of both families):
// v1,base64 over id "." timestamp "." body; a space-separated list of which one has to match. What is not v1,
// is skipped, the asymmetric v1a too. A secret is base64 of 24 to 64 bytes, with or without whsec_ before it.
// See standardwebhooks.com.
[[nodiscard]] const Scheme& standard_webhooks();
// Adds the three headers webhook-… of standard_webhooks() to a request with its body. InvalidArgument when
// the secret cannot be used, as check_secret() says.
[[nodiscard]] Status sign_standard_webhook(const crypto::Secret& secret,
                                           std::string_view id,
                                           WallTime now,
                                           http::Request& request);
// x-signature: hex over the body (Circleback).
[[nodiscard]] const Scheme& bare_hex();
// X-Signature: sha256=hex or sha512=hex over the body.
[[nodiscard]] const Scheme& generic_hmac();

}  // namespace tp::gateway
