#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/encoding.h"
#include "gateway/signatures/scheme.h"

// "Name: value" lines, then what is left after an empty one is the body. Whatever the headers say, no scheme
// believes a request whose sender does not know the secret, and the secret has no part in any other verdict.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tp;           // NOLINT(google-build-using-namespace)
  using namespace tp::gateway;  // NOLINT(google-build-using-namespace)

  std::string_view text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  http::Headers headers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) break;
    const std::size_t colon = std::min(line.find(": "), line.size());
    headers.add(std::string{line.substr(0, colon)},
                std::string{line.substr(std::min(colon + 2, line.size()))});
  }

  const std::array schemes{&slack_v0(),          &github_sha256(), &pagerduty_v1(),
                           &standard_webhooks(), &bare_hex(),      &generic_hmac()};
  const SignedRequest request{
      .headers = headers, .body = text, .now = WallTime{std::chrono::seconds{1'700'000'000}}};
  const std::array one{crypto::Secret{"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}};
  const std::array two{crypto::Secret{"whsec_/v38+/r5+Pf29fTz8vHw7+7t7Ovq6ejn"},
                       crypto::Secret{"not base64"}};
  for (const Scheme* const scheme : schemes) {
    const Verdict verdict = scheme->verify(request, one).verdict;
    if (verdict == Verdict::Verified || verdict == Verdict::MissingSecret) std::abort();
    if (scheme->verify(request, two).verdict != verdict) std::abort();
    if (scheme->verify(request, {}).verdict != Verdict::MissingSecret) std::abort();
  }

  // Decoding and encoding are each other's inverse.
  const std::string body{text};
  if (crypto::from_base64(crypto::to_base64(body)) != body) std::abort();
  if (const auto bytes = crypto::from_base64(body); bytes && crypto::to_base64(*bytes) != body) std::abort();
  return 0;
}
