#include <string>
#include <string_view>

#include <unistd.h>

#include "base/clock.h"
#include "base/signals.h"
#include "http_cpprest/client.h"
#include "log/log.h"
#include "options/program.h"
#include "provisioner/app/app.h"
#include "provisioner/app/options.h"
#include "provisioner/app/plan_command.h"

namespace {

using tp::options::kDone;
using tp::options::kFailed;

constexpr std::string_view kName = "team-operator";

// cpprestsdk's pool only moves bytes between sockets and us.
constexpr std::size_t kClientThreads = 4;

int run(tp::options::Arguments args) {
  tp::provisioner::RunOptions options;
  if (const auto code = tp::options::parse(kName, tp::provisioner::run_table(options), args)) return *code;
  const tp::Signals signals;
  if (const auto sized = tp::http::init_client_threads(kClientThreads); !sized)
    return tp::options::complain(kName, sized.error(), kFailed);
  const tp::SystemClock clock;
  tp::log::Sink sink{clock, STDERR_FILENO, options.log_level, options.log_format};
  const auto ran = tp::provisioner::run_operator(options, signals.stop(), sink);
  return ran ? kDone : tp::options::complain(kName, ran.error(), kFailed);
}

int plan(tp::options::Arguments args) {
  tp::provisioner::PlanOptions options;
  if (const auto code = tp::options::parse(kName, tp::provisioner::plan_table(options), args)) return *code;
  const tp::Result<std::string> text = tp::provisioner::plan_file(options);
  if (!text) return tp::options::complain(kName, text.error(), kFailed);
  tp::options::print(*text);
  return kDone;
}

int docs(tp::options::Arguments /*args*/) {
  tp::provisioner::RunOptions run_options;
  tp::provisioner::PlanOptions plan_options;
  tp::options::print(
      "# Configuration\n\n"
      "Each setting is taken from the flag, else from the environment variable, else it is the default. "
      "This file is the output of\n"
      "`team-operator docs` and `webhook-gateway docs`; a test compares them.\n\n");
  tp::options::print("## team-operator run\n\n" + tp::provisioner::run_table(run_options).markdown() +
                     "\n## team-operator plan\n\n" + tp::provisioner::plan_table(plan_options).markdown());
  return kDone;
}

}  // namespace

int main(int argc, char* argv[]) {
  return tp::options::Program{
      kName,
      TP_VERSION,
      "team-operator makes a cluster match its TeamProvisioning resources.",
      {{"run", "watch and reconcile", run},
       {"plan", "print what would be done for the teams of a file, without a cluster", plan},
       {"docs", "print docs/configuration.md", docs}}}
      .run(argc, argv);
}
