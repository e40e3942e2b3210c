#include "gateway/app/probe_command.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/env.h"
#include "base/random.h"
#include "gateway/inbox/event_id.h"
#include "gateway/probe/probe.h"
#include "gateway/signatures/scheme.h"
#include "http_cpprest/client.h"

namespace tp::gateway {
namespace {

// Its first line, which is the one that signs first where a file holds several.
Result<crypto::Secret> secret_in(const std::string& file, const char* flag) {
  auto text = read_file(file);
  if (!text) return std::move(text).error().wrap(flag);
  const std::size_t end = text->find_first_of("\r\n");
  crypto::Secret secret{end == std::string::npos ? *std::move(text) : text->substr(0, end)};
  if (secret.empty()) return Error{ErrorCode::InvalidArgument, std::string{flag} + ": " + file + " is empty"};
  return secret;
}

}  // namespace

options::Table probe_table(ProbeOptions& o) {
  using Output = ProbeOptions::Output;
  options::Table table{"webhook-gateway probe [flags]",
                       "Sends a signed event of the source probe to a gateway, follows it to its end, and "
                       "says how long each stage took. Exit codes: 0 it works, 1 it does not, 2 a flag or a "
                       "file is wrong."};
  table.section("Probe")
      .add({.flag = "url",
            .help = "Where webhooks are taken in, without a path of theirs: https://hooks.example.com",
            .required = true,
            .value = options::text(o.url)})
      .add({.flag = "secret-file",
            .metavar = "FILE",
            .help = "The signing secret of the source probe (whsec_…); of several lines the first.",
            .required = true,
            .value = options::text(o.secret_file)})
      .add({.flag = "admin-url",
            .help = "The admin API, which is asked what became of the event. Without it the probe ends when "
                    "the event is stored.",
            .value = options::text(o.admin_url)})
      .add({.flag = "admin-token-file",
            .metavar = "FILE",
            .help = "A bearer token that may read events there.",
            .value = options::text(o.admin_token_file)})
      .add({.flag = "ca-file",
            .metavar = "FILE",
            .help = "What https certificates must be of. Without it: the system's roots.",
            .value = options::text(o.ca_file)})
      .add({.flag = "connect-to",
            .metavar = "HOST:PORT=ADDR:PORT",
            .help = "Connect somewhere else for a host, as curl's option does.",
            .value = options::list(o.connect_to)})
      .add({.flag = "timeout",
            .default_value = "1m",
            .help = "How long all of it may take.",
            .value = options::duration(o.timeout, std::chrono::seconds{1}, std::chrono::hours{1})})
      .add({.flag = "output",
            .letter = 'o',
            .default_value = "text",
            .help = "text: one line; json: one object.",
            .value = options::one_of<Output>(o.output, {{"text", Output::Text}, {"json", Output::Json}})});
  return table;
}

Result<ProbeReport> run_probe(const ProbeOptions& options, std::stop_token stop, log::Sink& sink) {
  if (options.admin_url.empty() != options.admin_token_file.empty())
    return Error{ErrorCode::InvalidArgument, "--admin-url and --admin-token-file belong together"};
  const SystemClock clock;
  SystemRng rng;
  TP_ASSIGN_OR_RETURN(const auto rules, http::parse_connect_to(options.connect_to));
  const auto connect = [&](const std::string& url,
                           const char* flag) -> Result<std::unique_ptr<http::HttpClient>> {
    http::ClientOptions its{.base_url = url, .user_agent = "webhook-gateway/" TP_VERSION};
    its.connect_to = rules;
    its.tls.ca_file = options.ca_file;
    its.tls.system_roots = options.ca_file.empty();
    its.log = log::Logger{sink, "http"};
    auto client = http::create_client(std::move(its), clock);
    if (!client) return std::move(client).error().wrap(flag);
    return client;
  };

  TP_ASSIGN_OR_RETURN(crypto::Secret secret, secret_in(options.secret_file, "--secret-file"));
  if (const Status usable = standard_webhooks().check_secret(secret); !usable)
    return Error{ErrorCode::InvalidArgument, "--secret-file: the secret " + usable.error().message};
  TP_ASSIGN_OR_RETURN(const auto webhooks, connect(options.url, "--url"));
  ProbeTarget target{.webhooks = *webhooks, .secret = std::move(secret)};
  std::unique_ptr<http::HttpClient> admin;
  if (!options.admin_url.empty()) {
    TP_ASSIGN_OR_RETURN(admin, connect(options.admin_url, "--admin-url"));
    TP_ASSIGN_OR_RETURN(target.admin_token, secret_in(options.admin_token_file, "--admin-token-file"));
    target.admin = admin.get();
  }
  const Context ctx = Context{std::move(stop)}.child(clock, options.timeout);
  return probe(ctx, target, "probe_" + new_event_id(clock.wall_now(), rng).str(), clock);
}

}  // namespace tp::gateway
