#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/signals.h"
#include "http_cpprest/client.h"
#include "log/log.h"
#include "options/program.h"
#include "provisioner/app/app.h"
#include "provisioner/app/options.h"
#include "provisioner/app/plan_command.h"
#include "provisioner/commands/crds_command.h"
#include "provisioner/commands/drain_command.h"
#include "provisioner/commands/import_command.h"
#include "provisioner/commands/preflight_command.h"

namespace {

using tp::options::kDone;
using tp::options::kFailed;
using tp::options::kUsage;

constexpr std::string_view kName = "team-operator";

// cpprestsdk's pool only moves bytes between sockets and us.
constexpr std::size_t kClientThreads = 4;

// With as many as glibc likes, ten thousand teams took 61 MiB; with two arenas, 57.
constexpr int kMallocArenas = 2;

int run(tp::options::Arguments args) {
  tp::limit_arenas(kMallocArenas);
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

// What a command needs that talks to servers and is typed by people.
struct Surroundings {
  tp::Signals signals;
  tp::SystemClock clock;
  tp::log::Sink sink{clock, STDERR_FILENO, tp::log::Level::Error, tp::log::Format::Text};
  tp::Status ready = tp::http::init_client_threads(kClientThreads);
};

int preflight(tp::options::Arguments args) {
  tp::provisioner::PreflightOptions options;
  if (const auto code = tp::options::parse(kName, tp::provisioner::preflight_table(options), args))
    return *code;
  Surroundings around;
  if (!around.ready) return tp::options::complain(kName, around.ready.error(), kFailed);
  const auto checks = tp::provisioner::preflight(options.run, around.signals.stop(), around.sink);
  if (!checks) return tp::options::complain(kName, checks.error(), kUsage);
  const bool json = options.output == tp::provisioner::PreflightOptions::Output::Json;
  tp::options::print(json ? to_json(*checks) : to_text(*checks));
  return std::any_of(checks->begin(), checks->end(), tp::provisioner::is_missing) ? kFailed : kDone;
}

int crds_apply(tp::options::Arguments args) {
  tp::provisioner::CrdsOptions options;
  if (const auto code = tp::options::parse(kName, tp::provisioner::crds_table("apply", options), args))
    return *code;
  Surroundings around;
  if (!around.ready) return tp::options::complain(kName, around.ready.error(), kFailed);
  const tp::Status applied =
      tp::provisioner::apply_definitions(options, around.signals.stop(), around.sink, tp::options::print);
  return applied ? kDone : tp::options::complain(kName, applied.error(), kFailed);
}

// As `kubectl diff`: 0 without a difference, 1 with one, 2 when there is no telling.
int crds_diff(tp::options::Arguments args) {
  tp::provisioner::CrdsOptions options;
  if (const auto code = tp::options::parse(kName, tp::provisioner::crds_table("diff", options), args))
    return *code;
  Surroundings around;
  if (!around.ready) return tp::options::complain(kName, around.ready.error(), kUsage);
  const auto text = tp::provisioner::diff_definitions(options, around.signals.stop(), around.sink);
  if (!text) return tp::options::complain(kName, text.error(), kUsage);
  tp::options::print(*text);
  return text->empty() ? kDone : kFailed;
}

int crds_print(tp::options::Arguments /*args*/) {
  tp::options::print(tp::provisioner::print_definitions());
  return kDone;
}

int drain(tp::options::Arguments args) {
  tp::provisioner::DrainOptions options;
  if (const auto code = tp::options::parse(kName, tp::provisioner::drain_table(options), args)) return *code;
  Surroundings around;
  if (!around.ready) return tp::options::complain(kName, around.ready.error(), kFailed);
  const tp::Status drained =
      tp::provisioner::drain(options, around.signals.stop(), around.sink, tp::options::print);
  return drained ? kDone : tp::options::complain(kName, drained.error(), kFailed);
}

// As `crds diff` without --apply: 0 when there is nothing to import, 1 when there is, 2 when there is no
// telling; with it as `drain`: 0 when every team has its resource, 1 when one was left.
int import(tp::options::Arguments args) {
  tp::provisioner::ImportOptions options;
  if (const auto code = tp::options::parse(kName, tp::provisioner::import_table(options), args)) return *code;
  Surroundings around;
  if (!around.ready) return tp::options::complain(kName, around.ready.error(), kUsage);
  const auto imported = tp::provisioner::import_teams(options, around.signals.stop(), around.sink);
  if (!imported) return tp::options::complain(kName, imported.error(), kUsage);
  std::fwrite(imported->report.data(), 1, imported->report.size(),
              options.output == tp::provisioner::ImportOptions::Output::Summary ? stdout : stderr);
  tp::options::print(imported->documents);
  return imported->outstanding ? kFailed : kDone;
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
                     "\n## team-operator plan\n\n" + tp::provisioner::plan_table(plan_options).markdown() +
                     tp::provisioner::commands_markdown());
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
       {"preflight", "check whether run would find all that it needs: versions, rights, services", preflight},
       {"crds apply", "install or upgrade the CustomResourceDefinitions", crds_apply},
       {"crds diff", "print what crds apply would change; exit status 1 if anything", crds_diff},
       {"crds print", "print the CustomResourceDefinitions", crds_print},
       {"drain", "make the teams ready for a cluster without an operator", drain},
       {"import", "print or create TeamProvisionings for what the former service made", import},
       {"docs", "print docs/configuration.md", docs}}}
      .run(argc, argv);
}
