#include "crypto/sha256.h"

#include <cstdlib>

#include <openssl/evp.h>

namespace tp::crypto {

Sha256Digest sha256(std::string_view text) {
  Sha256Digest digest{};
  // void* in between: OpenSSL counts unsigned char, we count bytes.
  void* const out = digest.data();
  if (EVP_Digest(text.data(), text.size(), static_cast<unsigned char*>(out), nullptr, EVP_sha256(),
                 nullptr) != 1) {
    // Only without memory or with a broken OpenSSL installation: no name or token could be trusted.
    std::abort();
  }
  return digest;
}

}  // namespace tp::crypto
