#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kube/core/request.h"

// Properties: whatever an object is called, its request stays in one path segment and adds no parameter, and
// the target holds nothing that a request line may not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  const std::size_t half = size / 2;
  const std::string ns = text.substr(0, half);
  const std::string name = text.substr(half);
  if (ns.empty() || name.empty()) return 0;

  const auto check = [](std::string_view target, std::ptrdiff_t slashes, std::ptrdiff_t parameters) {
    const std::string_view path = target.substr(0, target.find('?'));
    if (std::count(path.begin(), path.end(), '/') != slashes) std::abort();
    if (std::count(target.begin(), target.end(), '=') != parameters) std::abort();
    if (path.find("/./") != std::string_view::npos || path.find("/../") != std::string_view::npos)
      std::abort();
    if (path.ends_with("/.") || path.ends_with("/..")) std::abort();
    if (std::any_of(target.begin(), target.end(),
                    [](char c) { return c <= ' ' || c >= '\x7f' || c == '#'; })) {
      std::abort();
    }
  };
  namespace kube = tp::kube;
  check(kube::get_request(kube::kDeployments, {ns, name}).target, 7, 0);
  check(kube::apply_request(kube::kServices, {ns, name}, "", {.field_manager = name}).target, 6, 3);
  check(
      kube::list_request({.type = kube::kServices, .ns = ns, .label_selector = name}, {.continue_token = ns})
          .target,
      5, 2);
  return 0;
}
