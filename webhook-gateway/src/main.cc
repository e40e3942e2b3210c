#include <cstdio>
#include <optional>
#include <span>
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
#include "gateway/inbox/migrate.h"
#include "http_cpprest/client.h"
#include "log/log.h"
#include "postgres/connection.h"

namespace {

using tp::Error;
using tp::ErrorCode;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr std::string_view kHelp = R"(webhook-gateway takes webhooks in and starts agent runs.

  webhook-gateway serve     take webhooks in, route them, start runs (--roles says which of it)
  webhook-gateway migrate   make or upgrade the database's tables
  webhook-gateway version   print the version
  webhook-gateway docs      print the gateway's part of docs/configuration.md

"webhook-gateway COMMAND --help" explains a command's flags.
)";

// cpprestsdk's pool only moves bytes between sockets and us.
constexpr std::size_t kClientThreads = 4;

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

int complain(const Error& error, int code) {
  print(stderr, "webhook-gateway: " + error.message + "\n");
  return code;
}

// Parses; an exit code when that is all that is to be done.
std::optional<int> parse(const tp::options::Table& table, std::span<const char* const> args) {
  const auto outcome = table.parse(args, tp::env_var);
  if (!outcome) return complain(outcome.error(), kUsage);
  if (*outcome == tp::options::Outcome::Run) return std::nullopt;
  print(stdout, table.help());
  return kDone;
}

int serve(std::span<const char* const> args) {
  tp::gateway::ServeOptions options;
  if (const auto code = parse(tp::gateway::serve_table(options), args)) return *code;
  tp::give_large_blocks_back();
  auto credentials = tp::gateway::credentials(options, tp::env_var);
  if (!credentials) return complain(credentials.error(), kUsage);
  const tp::Signals signals;
  if (const auto sized = tp::http::init_client_threads(kClientThreads); !sized)
    return complain(sized.error(), kFailed);
  const tp::SystemClock clock;
  tp::log::Sink sink{clock, STDERR_FILENO, options.log_level, options.log_format};
  // Beside connections: the database, agents, the log.
  constexpr std::size_t kOthers = 64;
  const std::size_t wanted = options.connections + options.runs_in_flight + kOthers;
  if (const std::size_t descriptors = tp::raise_descriptor_limit(); descriptors < wanted) {
    tp::log::Logger{sink, "webhook-gateway"}.warn("fewer descriptors are allowed than connections may need",
                                                  {{"allowed", descriptors}, {"wanted", wanted}});
  }
  const auto served = tp::gateway::serve(options, *std::move(credentials), signals.stop(), sink);
  if (served) return kDone;
  return complain(served.error(), served.error().code == ErrorCode::InvalidArgument ? kUsage : kFailed);
}

int migrate(std::span<const char* const> args) {
  tp::gateway::MigrateFlags flags;
  if (const auto code = parse(tp::gateway::migrate_table(flags), args)) return *code;
  const auto conninfo = tp::gateway::database_conninfo(tp::env_var);
  if (!conninfo) return complain(conninfo.error(), kUsage);
  const tp::Signals signals;
  const tp::SystemClock clock;
  const tp::Context ctx{signals.stop(), tp::SteadyTime::max(), {}};
  auto database = tp::postgres::Connection::open(ctx, *conninfo, clock);
  if (!database) return complain(database.error(), kFailed);
  const auto applied = tp::gateway::migrate(ctx, **database, {flags.ingest_role, flags.worker_role});
  if (!applied) return complain(applied.error(), kFailed);
  for (const std::string& name : *applied) print(stdout, "applied " + name + "\n");
  if (applied->empty()) print(stdout, "nothing to do\n");
  return kDone;
}

int docs() {
  tp::gateway::ServeOptions serve_options;
  tp::gateway::MigrateFlags migrate_flags;
  print(stdout, "\n## webhook-gateway serve\n\n" + tp::gateway::serve_table(serve_options).markdown() +
                    "\n## webhook-gateway migrate\n\n" +
                    tp::gateway::migrate_table(migrate_flags).markdown());
  return kDone;
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::span<const char* const> args{argv, static_cast<std::size_t>(argc)};
  const std::string_view command = argc > 1 ? args[1] : "help";
  const auto rest = args.subspan(argc > 1 ? 2 : 1);
  if (command == "serve") return serve(rest);
  if (command == "migrate") return migrate(rest);
  if (command == "docs") return docs();
  if (command == "version" || command == "--version") {
    print(stdout, "webhook-gateway " TP_VERSION "\n");
    return kDone;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    print(stdout, kHelp);
    return kDone;
  }
  return complain({ErrorCode::InvalidArgument,
                   "no command \"" + std::string{command} + "\"; there are serve, migrate, version, docs"},
                  kUsage);
}
