#include <string>
#include <string_view>

#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/env.h"
#include "base/memory.h"
#include "base/signals.h"
#include "gateway/app/app.h"
#include "gateway/app/options.h"
#include "gateway/app/probe_command.h"
#include "gateway/inbox/migrate.h"
#include "http_cpprest/client.h"
#include "log/log.h"
#include "options/program.h"
#include "postgres/connection.h"

namespace {

using tp::ErrorCode;
using tp::options::kDone;
using tp::options::kFailed;
using tp::options::kUsage;

constexpr std::string_view kName = "webhook-gateway";

// cpprestsdk's pool only moves bytes between sockets and us.
constexpr std::size_t kClientThreads = 4;

int serve(tp::options::Arguments args) {
  tp::gateway::ServeOptions options;
  if (const auto code = tp::options::parse(kName, tp::gateway::serve_table(options), args)) return *code;
  tp::give_large_blocks_back();
  auto credentials = tp::gateway::credentials(options, tp::env_var);
  if (!credentials) return tp::options::complain(kName, credentials.error(), kUsage);
  const tp::Signals signals;
  if (const auto sized = tp::http::init_client_threads(kClientThreads); !sized)
    return tp::options::complain(kName, sized.error(), kFailed);
  const tp::SystemClock clock;
  tp::log::Sink sink{clock, STDERR_FILENO, options.log_level, options.log_format};
  // A run has two, its socket and our look at it. Beside connections and runs: the database, the log.
  constexpr std::size_t kOthers = 64;
  const std::size_t wanted = options.connections + 2 * options.runs_in_flight + kOthers;
  if (const std::size_t descriptors = tp::raise_descriptor_limit(); descriptors < wanted) {
    tp::log::Logger{sink, "webhook-gateway"}.warn("fewer descriptors are allowed than connections may need",
                                                  {{"allowed", descriptors}, {"wanted", wanted}});
  }
  const auto served = tp::gateway::serve(options, *std::move(credentials), signals.stop(), sink);
  if (served) return kDone;
  return tp::options::complain(kName, served.error(),
                               served.error().code == ErrorCode::InvalidArgument ? kUsage : kFailed);
}

int migrate(tp::options::Arguments args) {
  tp::gateway::MigrateFlags flags;
  if (const auto code = tp::options::parse(kName, tp::gateway::migrate_table(flags), args)) return *code;
  const auto conninfo = tp::gateway::database_conninfo(tp::env_var);
  if (!conninfo) return tp::options::complain(kName, conninfo.error(), kUsage);
  const tp::Signals signals;
  const tp::SystemClock clock;
  const tp::Context ctx{signals.stop(), tp::SteadyTime::max(), {}};
  auto database = tp::postgres::Connection::open(ctx, *conninfo, clock);
  if (!database) return tp::options::complain(kName, database.error(), kFailed);
  const auto applied = tp::gateway::migrate(ctx, **database, {flags.ingest_role, flags.worker_role});
  if (!applied) return tp::options::complain(kName, applied.error(), kFailed);
  for (const std::string& name : *applied) tp::options::print("applied " + name + "\n");
  if (applied->empty()) tp::options::print("nothing to do\n");
  return kDone;
}

int probe(tp::options::Arguments args) {
  tp::gateway::ProbeOptions options;
  if (const auto code = tp::options::parse(kName, tp::gateway::probe_table(options), args)) return *code;
  const tp::Signals signals;
  if (const auto sized = tp::http::init_client_threads(kClientThreads); !sized)
    return tp::options::complain(kName, sized.error(), kFailed);
  const tp::SystemClock clock;
  tp::log::Sink sink{clock, STDERR_FILENO, tp::log::Level::Error, tp::log::Format::Text};
  const auto report = tp::gateway::run_probe(options, signals.stop(), sink);
  if (!report) return tp::options::complain(kName, report.error(), kUsage);
  const bool json = options.output == tp::gateway::ProbeOptions::Output::Json;
  tp::options::print(json ? to_json(*report) : to_text(*report));
  return report->problem.empty() ? kDone : kFailed;
}

int docs(tp::options::Arguments /*args*/) {
  tp::gateway::ServeOptions serve_options;
  tp::gateway::MigrateFlags migrate_flags;
  tp::gateway::ProbeOptions probe_options;
  tp::options::print("\n## webhook-gateway serve\n\n" + tp::gateway::serve_table(serve_options).markdown() +
                     "\n## webhook-gateway migrate\n\n" +
                     tp::gateway::migrate_table(migrate_flags).markdown() + "\n## webhook-gateway probe\n\n" +
                     tp::gateway::probe_table(probe_options).markdown());
  return kDone;
}

}  // namespace

int main(int argc, char* argv[]) {
  return tp::options::Program{
      kName,
      TP_VERSION,
      "webhook-gateway takes webhooks in and starts agent runs.",
      {{"serve", "take webhooks in, route them, start runs (--roles says which of it)", serve},
       {"migrate", "make or upgrade the database's tables", migrate},
       {"probe", "send a signed event through a gateway, and say how long each stage took", probe},
       {"docs", "print the gateway's part of docs/configuration.md", docs}}}
      .run(argc, argv);
}
