#include "options/program.h"

#include <algorithm>
#include <cstdio>

#include "base/env.h"

namespace tp::options {
namespace {

void write(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

std::string help_of(const Program& program, const std::vector<Command>& commands) {
  std::size_t width = 0;
  for (const Command& command : commands) width = std::max(width, command.name.size());
  std::string text{program.summary};
  text += "\n\n";
  for (const Command& command : commands) {
    text.append("  ").append(program.name).append(" ").append(command.name);
    text.append(width - command.name.size() + 3, ' ').append(command.summary).append("\n");
  }
  return text.append("\n\"").append(program.name).append(" COMMAND --help\" explains a command's flags.\n");
}

}  // namespace

int Program::run(int argc, char* argv[]) const {  // NOLINT(*-avoid-c-arrays): main()'s
  const Arguments args{argv, static_cast<std::size_t>(argc)};
  std::string_view wanted = argc > 1 ? args[1] : "help";
  if (wanted == "--version") wanted = "version";
  if (wanted == "--help" || wanted == "-h") wanted = "help";
  if (wanted == "version") {
    print(std::string{name} + " " + std::string{version} + "\n");
    return kDone;
  }
  std::vector<Command> all = commands;
  all.push_back({"version", "print the version"});
  if (wanted == "help") {
    print(help_of(*this, all));
    return kDone;
  }
  const std::string two_words = std::string{wanted} + " " + (argc > 2 ? args[2] : "");
  for (const Command& command : commands) {
    if (command.name == wanted) return command.run(args.subspan(2));
    if (command.name == two_words) return command.run(args.subspan(3));
  }
  std::string names;
  for (const Command& command : all) names.append(names.empty() ? "" : ", ").append(command.name);
  return complain(
      name, {ErrorCode::InvalidArgument, "no command \"" + std::string{wanted} + "\"; there are " + names},
      kUsage);
}

std::optional<int> parse(std::string_view program, const Table& table, Arguments args) {
  const auto outcome = table.parse(args, env_var);
  if (!outcome) return complain(program, outcome.error(), kUsage);
  if (*outcome == Outcome::Run) return std::nullopt;
  print(table.help());
  return kDone;
}

int complain(std::string_view program, const Error& error, int code) {
  write(stderr, std::string{program} + ": " + error.message + "\n");
  return code;
}

void print(std::string_view text) { write(stdout, text); }

}  // namespace tp::options
