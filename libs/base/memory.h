#pragma once

namespace tp {

// Large blocks of memory go back to the system when they are freed, for programs that hold some megabytes for
// a moment. Else glibc learns from the first such block to keep them, in an arena for each thread. Call it
// first thing in main.
void give_large_blocks_back() noexcept;

// Threads share so many of glibc's arenas, instead of eight a core: for programs that keep much and whose
// threads rarely allocate at the same time. What is free in one arena is of no use to threads of another.
// Call it first thing in main.
void limit_arenas(int most) noexcept;

}  // namespace tp
