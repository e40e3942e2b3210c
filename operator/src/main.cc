#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/signals.h"
#include "http_cpprest/client.h"
#include "log/log.h"
#include "provisioner/app/app.h"
#include "provisioner/app/options.h"
#include "provisioner/app/plan_command.h"

namespace {

using tp::Error;
using tp::ErrorCode;
using tp::Result;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr std::string_view kHelp = R"(team-operator makes a cluster match its TeamProvisioning resources.

  team-operator run         watch and reconcile
  team-operator plan -f F   print what would be done for the teams of a file, without a cluster
  team-operator version     print the version
  team-operator docs        print docs/configuration.md

"team-operator COMMAND --help" explains a command's flags.
)";

// cpprestsdk's pool only moves bytes between sockets and us.
constexpr std::size_t kClientThreads = 4;

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

int complain(const Error& error, int code) {
  print(stderr, "team-operator: " + error.message + "\n");
  return code;
}

int run(std::span<const char* const> args) {
  tp::provisioner::RunOptions options;
  const tp::options::Table table = tp::provisioner::run_table(options);
  const auto outcome = table.parse(args, tp::env_var);
  if (!outcome) return complain(outcome.error(), kUsage);
  if (*outcome == tp::options::Outcome::Help) {
    print(stdout, table.help());
    return kDone;
  }
  const tp::Signals signals;
  if (const auto sized = tp::http::init_client_threads(kClientThreads); !sized)
    return complain(sized.error(), kFailed);
  const tp::SystemClock clock;
  tp::log::Sink sink{clock, STDERR_FILENO, options.log_level, options.log_format};
  const auto ran = tp::provisioner::run_operator(options, signals.stop(), sink);
  return ran ? kDone : complain(ran.error(), kFailed);
}

int plan(std::span<const char* const> args) {
  tp::provisioner::PlanOptions options;
  const tp::options::Table table = tp::provisioner::plan_table(options);
  const auto outcome = table.parse(args, tp::env_var);
  if (!outcome) return complain(outcome.error(), kUsage);
  if (*outcome == tp::options::Outcome::Help) {
    print(stdout, table.help());
    return kDone;
  }
  const Result<std::string> text = tp::provisioner::plan_file(options);
  if (!text) return complain(text.error(), kFailed);
  print(stdout, *text);
  return kDone;
}

int docs() {
  tp::provisioner::RunOptions run_options;
  tp::provisioner::PlanOptions plan_options;
  print(stdout,
        "# Configuration\n\n"
        "Each setting is taken from the flag, else from the environment variable, else it is the default. "
        "This file is the output of\n"
        "`team-operator docs` and `webhook-gateway docs`; a test compares them.\n\n");
  print(stdout, "## team-operator run\n\n" + tp::provisioner::run_table(run_options).markdown() +
                    "\n## team-operator plan\n\n" + tp::provisioner::plan_table(plan_options).markdown());
  return kDone;
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::span<const char* const> args{argv, static_cast<std::size_t>(argc)};
  const std::string_view command = argc > 1 ? args[1] : "help";
  const auto rest = args.subspan(argc > 1 ? 2 : 1);
  if (command == "run") return run(rest);
  if (command == "plan") return plan(rest);
  if (command == "docs") return docs();
  if (command == "version" || command == "--version") {
    print(stdout, "team-operator " TP_VERSION "\n");
    return kDone;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    print(stdout, kHelp);
    return kDone;
  }
  return complain({ErrorCode::InvalidArgument,
                   "no command \"" + std::string{command} + "\"; there are run, plan, version, docs"},
                  kUsage);
}
