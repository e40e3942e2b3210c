#include "crypto/hmac.h"

#include <cstdlib>
#include <memory>
#include <string>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace tp::crypto {
namespace {

struct Free {
  void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};
using Mac = std::unique_ptr<EVP_MAC, Free>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Free>;

// Fails only without memory or with a broken OpenSSL installation: no signature could be trusted.
void require(bool done) {
  if (!done) std::abort();
}

// void* in between: OpenSSL counts unsigned char, we count bytes and characters.
const unsigned char* octets(std::string_view text) {
  // A null pointer would mean "no key" rather than an empty one.
  const void* const data = text.empty() ? "" : text.data();
  return static_cast<const unsigned char*>(data);
}

// A context that has its digest already, with a key that stands for none. Looking both up by name costs more
// than the hashing of a short text, so it is done once for each digest, and calls work on copies.
MacContext prototype(std::string digest) {
  const Mac mac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  require(mac != nullptr);
  MacContext context{EVP_MAC_CTX_new(mac.get())};  // keeps a reference to mac
  require(context != nullptr);
  const std::array params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                          OSSL_PARAM_construct_end()};
  require(EVP_MAC_init(context.get(), octets({}), 0, params.data()) == 1);
  return context;
}

template <class Digest>
Digest compute(const MacContext& from, std::string_view key, std::span<const std::string_view> parts) {
  const MacContext context{EVP_MAC_CTX_dup(from.get())};
  require(context && EVP_MAC_init(context.get(), octets(key), key.size(), nullptr) == 1);
  for (const std::string_view part : parts) {
    require(EVP_MAC_update(context.get(), octets(part), part.size()) == 1);
  }
  Digest digest{};
  void* const out = digest.data();
  std::size_t size = 0;
  require(EVP_MAC_final(context.get(), static_cast<unsigned char*>(out), &size, digest.size()) == 1 &&
          size == digest.size());
  return digest;
}

}  // namespace

Sha256Digest hmac_sha256(std::string_view key, std::span<const std::string_view> parts) {
  static const MacContext kPrototype = prototype("SHA256");
  return compute<Sha256Digest>(kPrototype, key, parts);
}

Sha512Digest hmac_sha512(std::string_view key, std::span<const std::string_view> parts) {
  static const MacContext kPrototype = prototype("SHA512");
  return compute<Sha512Digest>(kPrototype, key, parts);
}

}  // namespace tp::crypto
