#pragma once

#include <string>

#include <pthread.h>

namespace tp {

// Names the calling thread for debuggers, top and core files. Linux keeps 15 characters; the rest is cut.
inline void set_thread_name(const std::string& name) noexcept {
  constexpr std::size_t kLongest = 15;
  // It fails only for a longer name.
  static_cast<void>(pthread_setname_np(pthread_self(), name.substr(0, kLongest).c_str()));
}

}  // namespace tp
