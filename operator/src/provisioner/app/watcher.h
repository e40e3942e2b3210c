#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "kube/runtime/reflector.h"

namespace tp::provisioner {

// One watch of the operator's, and the cache that it feeds.
struct Watcher {
  std::string name;  // for people: the resource, and what is selected of it
  std::function<bool()> synced;
  std::function<std::size_t()> size;
  std::unique_ptr<kube::Reflector> reflector;
};

}  // namespace tp::provisioner
