#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "options/options.h"

// A program of several commands, as `git` is one: what main() of each of ours is made of.
namespace tp::options {

// Exit codes.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;  // the caller must ask in another way

using Arguments = std::span<const char* const>;

struct Command {
  std::string_view name;                // one word, or two, as in "crds apply"
  std::string_view summary;             // one line of the help
  std::function<int(Arguments)> run{};  // gets what follows the command's name; answers the exit code
};

struct Program {
  std::string_view name;
  std::string_view version;
  std::string_view summary;  // the help's first line
  std::vector<Command> commands;

  // Does what the arguments of main() say; "version" and "help" are there in every program. The exit code.
  [[nodiscard]] int run(int argc, char* argv[]) const;  // NOLINT(*-avoid-c-arrays): main()'s
};

// Sets the table's targets from the arguments and the environment. An exit code when that is all that is to
// be done: help was asked for, or something is wrong (both are printed).
[[nodiscard]] std::optional<int> parse(std::string_view program, const Table& table, Arguments args);

// "PROGRAM: message" to the standard error; answers `code`.
int complain(std::string_view program, const Error& error, int code);

// To the standard output.
void print(std::string_view text);

}  // namespace tp::options
