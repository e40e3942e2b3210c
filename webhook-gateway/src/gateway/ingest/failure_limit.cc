#include "gateway/ingest/failure_limit.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <arpa/inet.h>

namespace tp::gateway {
namespace {

// The network half of an IPv6 address: its owner has 2^64 others at hand.
std::string key_of(std::string_view address) {
  std::string key{address};
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET6, key.c_str(), bytes.data()) != 1) return key;
  return {bytes.data(), 8};
}

}  // namespace

bool FailureLimit::allow(std::string_view address, SteadyTime now) {
  std::string key = key_of(address);
  const MutexLock lock{m_};
  auto at = young_.find(key);
  if (at == young_.end()) {
    const auto before = old_.find(key);
    const Bucket bucket = before == old_.end() ? Bucket{options_.burst, now} : before->second;
    if (young_.size() >= options_.addresses / 2) {
      old_ = std::exchange(young_, {});
    }
    at = young_.emplace(std::move(key), bucket).first;
  }
  Bucket& bucket = at->second;
  const std::chrono::duration<double> passed = now - bucket.at;
  bucket = {std::min(options_.burst, bucket.tokens + passed.count() * options_.per_second), now};
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace tp::gateway
