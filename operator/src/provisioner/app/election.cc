#include "provisioner/app/election.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/encoding.h"
#include "crypto/sha256.h"
#include "provisioner/desired/metadata.h"

namespace tp::provisioner {
namespace {

std::string random_suffix(Rng& rng) {
  const std::uint64_t bits = rng.next();
  std::array<std::byte, sizeof bits> bytes{};
  std::memcpy(bytes.data(), &bits, sizeof bits);
  return "_" + crypto::to_hex(bytes);
}

}  // namespace

std::string lease_name(std::vector<std::string> namespaces, const std::string& label_selector) {
  constexpr std::size_t kDigits = 10;
  std::string name = "team-operator";
  if (namespaces.empty() && label_selector.empty()) return name;
  std::sort(namespaces.begin(), namespaces.end());
  std::string part;
  for (const std::string& ns : namespaces) part += ns + ",";
  part += ";" + label_selector;
  return name + "-" + crypto::to_hex(crypto::sha256(part)).substr(0, kDigits);
}

kube::Election make_election(const RunOptions& options,
                             const std::string& own_namespace,
                             const std::string& host,
                             Rng& rng) {
  const std::string& ns = options.leader_election_namespace;
  return {.lease = {ns.empty() ? own_namespace : ns,
                    lease_name(options.watch_namespaces, options.watch_label_selector)},
          .identity = host + random_suffix(rng),
          .field_manager = std::string{kFieldManager},
          .times = options.lease_times};
}

}  // namespace tp::provisioner
