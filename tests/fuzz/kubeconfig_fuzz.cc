#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "kube/client/config.h"

// Whatever the file holds, it is either a usable configuration or one line of refusal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  const auto config = tp::kube::parse_kubeconfig(text, "config");
  if (config) {
    if (!config->server.starts_with("https://")) std::abort();
    if (!config->ca_file.empty() && !config->ca_pem.empty()) std::abort();
  } else if (config.error().code != tp::ErrorCode::InvalidArgument) {
    std::abort();
  }
  return 0;
}
