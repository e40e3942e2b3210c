#include "base/memory.h"

#include <malloc.h>

namespace tp {

void give_large_blocks_back() noexcept {
#ifdef __GLIBC__
  // Blocks of 1 MiB have a mapping of their own, whose cost is small beside what is done with as many bytes;
  // and each arena keeps some free memory at its end, so that smaller ones do not cost a system call each.
  // mallopt(3): to set them stops them from growing; it cannot fail for these values.
  static_cast<void>(mallopt(M_MMAP_THRESHOLD, 1 << 20));
  static_cast<void>(mallopt(M_TRIM_THRESHOLD, 4 << 20));
#endif
}

void limit_arenas(int most) noexcept {
#ifdef __GLIBC__
  static_cast<void>(mallopt(M_ARENA_MAX, most));  // cannot fail for a positive number
#else
  static_cast<void>(most);
#endif
}

}  // namespace tp
