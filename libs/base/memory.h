#pragma once

namespace tp {

// Large blocks of memory go back to the system when they are freed, for programs that hold some megabytes for
// a moment. Else glibc learns from the first such block to keep them, in an arena for each thread. Call it
// first thing in main.
void give_large_blocks_back() noexcept;

}  // namespace tp
