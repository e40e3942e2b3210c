#include "crypto/secret.h"

#include <utility>

#include <openssl/crypto.h>

namespace tp::crypto {
namespace {

// The whole buffer, not only size(): a moved-from or shortened string still holds its old bytes beyond its
// end.
void wipe(std::string& value) noexcept {
  // Never allocates. NOLINTNEXTLINE(clang-analyzer-cplusplus.Move): a moved-from string is what is wiped
  value.resize(value.capacity());
  OPENSSL_cleanse(value.data(), value.size());
  value.clear();
}

}  // namespace

Secret::Secret(std::string value) : value_(std::move(value)) { wipe(value); }

Secret& Secret::operator=(const Secret& other) {
  if (this == &other) return *this;
  wipe(value_);  // before an assignment may give the buffer back to the allocator
  value_ = other.value_;
  return *this;
}

Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe(value_);
  value_ = std::move(other.value_);
  wipe(other.value_);
  return *this;
}

Secret::~Secret() { wipe(value_); }

bool Secret::equals(const Secret& other) const noexcept {
  return value_.size() == other.value_.size() &&
         CRYPTO_memcmp(value_.data(), other.value_.data(), value_.size()) == 0;
}

}  // namespace tp::crypto
