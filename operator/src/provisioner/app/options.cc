#include "provisioner/app/options.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "http/address.h"
#include "json/parse.h"
#include "options/log_options.h"

namespace tp::provisioner {
namespace {

// A NetworkPolicyPeer as JSON. Its content is judged by the API server when the first policy is applied; here
// only that it is an object which selects something: an empty peer would be refused there much later.
options::Value network_policy_peer(nlohmann::json& target) {
  return {
      [&target](std::string_view text) -> Status {
        auto parsed = json::parse(text);
        if (!parsed || !parsed->is_object() || parsed->empty()) {
          return Error{
              ErrorCode::InvalidArgument,
              "must be a NetworkPolicyPeer as a JSON object with namespaceSelector, podSelector or ipBlock"};
        }
        target = *std::move(parsed);
        return ok();
      },
      "JSON"};
}

// What is served there is for those who are on the machine, or in the pod.
options::Value loopback_address(std::string& target) {
  return {[&target](std::string_view text) -> Status {
            TP_ASSIGN_OR_RETURN(const http::Address address, http::parse_address(text));
            if (!address.host.starts_with("127.") && address.host != "::1") {
              return Error{ErrorCode::InvalidArgument,
                           "\"" + std::string{text} + "\" is no loopback address, such as 127.0.0.1:6060"};
            }
            target = text;
            return ok();
          },
          "ADDRESS"};
}

options::Value seconds(std::chrono::seconds& target, std::chrono::seconds min, std::chrono::seconds max) {
  return {[&target, min, max](std::string_view text) -> Status {
            std::chrono::milliseconds parsed{};
            TP_TRY(options::duration(parsed, min, max).set(text));
            target = std::chrono::ceil<std::chrono::seconds>(parsed);
            return ok();
          },
          "DURATION"};
}

void add_election(options::Table& table, RunOptions& o) {
  using options::duration;
  constexpr std::chrono::milliseconds kLeast{100};
  table.section("Leader election")
      .add({.flag = "leader-elect",
            .default_value = "false",
            .help = "Change something only while this process holds a Lease, so that several can run: one "
                    "works, the others stand by with warm caches.",
            .value = options::boolean(o.leader_elect)})
      .add({.flag = "leader-election-namespace",
            .help = "Where the Lease is. Without it: the pod's own namespace.",
            .value = options::text(o.leader_election_namespace)})
      .add({.flag = "leader-election-lease-duration",
            .default_value = "15s",
            .help = "How long the others wait for a sign of the leader before one of them takes its place.",
            .value = duration(o.lease_times.lease, std::chrono::seconds{1})})
      .add({.flag = "leader-election-renew-deadline",
            .default_value = "10s",
            .help = "How long a leader that cannot renew the Lease goes on; less than the duration.",
            .value = duration(o.lease_times.renew, kLeast)})
      .add({.flag = "leader-election-retry-period",
            .default_value = "2s",
            .help = "Between two renewals, and two looks of those who wait; 1.2 times this is less than the "
                    "deadline.",
            .value = duration(o.lease_times.retry, kLeast)});
}

}  // namespace

void add_kubeconfig(options::Table& table, std::string& kubeconfig) {
  table.section("Kubernetes")
      .add({.flag = "kubeconfig",
            .env = "KUBECONFIG",
            .metavar = "FILE",
            .help = "How to reach the API server. Without it: as the pod's ServiceAccount.",
            .value = options::text(kubeconfig)});
}

options::Option config_service_token_option(RunOptions& o) {
  return {.flag = "config-service-token-file",
          .env = "CONFIG_SERVICE_TOKEN_FILE",
          .metavar = "FILE",
          .help =
              "Token of the operator's own principal in the Config Service; read again when it changes. "
              "Without it, teams have only what is in the cluster.",
          .value = options::text(o.config_service_token_file)};
}

options::Option connect_to_option(RunOptions& o) {
  return {.flag = "connect-to",
          .metavar = "HOST:PORT=ADDR:PORT",
          .help =
              "Connect somewhere else for a host, as curl's option does; .suffix:PORT stands for all "
              "hosts below it. For development outside of the cluster.",
          .value = options::list(o.connect_to)};
}

void add_build(options::Table& table, BuildContext& build) {
  using options::list;
  using options::text;
  table.section("What teams get")
      .add({.flag = "config-service-url",
            .env = "CONFIG_SERVICE_URL",
            .default_value = build.config_service_url,
            .help = "Where the pods of teams find the Config Service.",
            .value = text(build.config_service_url)})
      .add({.flag = "agent-image",
            .env = "AGENT_IMAGE",
            .default_value = build.agent_image,
            .help = "Image of a dedicated agent, for teams that name none.",
            .value = text(build.agent_image)})
      .add({.flag = "agent-service-account",
            .env = "AGENT_SERVICE_ACCOUNT",
            .default_value = build.agent_service_account,
            .help = "ServiceAccount of dedicated agents; made in a team's namespace where it is missing.",
            .value = text(build.agent_service_account)})
      .add({.flag = "agent-env-secret",
            .default_value = build.agent_env_secret,
            .help = "Secret in the team's namespace whose keys become environment of every dedicated agent "
                    "(the model's "
                    "API key); may be missing there.",
            .value = text(build.agent_env_secret)})
      .add({.flag = "agent-secrets",
            .help = "Secrets that a team may name in runtime.dedicated.env, besides the one above.",
            .value = list(build.agent_secrets)})
      .add({.flag = "run-limit",
            .default_value = "10m",
            .help = "The longest run of an agent. A pod that is replaced is given this and 30 s to end.",
            .value = seconds(build.run_limit, std::chrono::seconds{30}, std::chrono::hours{6})})
      .add({.flag = "pipeline-image",
            .env = "AI_PIPELINE_IMAGE",
            .default_value = build.pipeline_image,
            .help = "Image of the AI pipeline, for teams that name none.",
            .value = text(build.pipeline_image)})
      .add({.flag = "pipeline-service-account",
            .env = "AI_PIPELINE_SERVICE_ACCOUNT",
            .default_value = build.pipeline_service_account,
            .help = "ServiceAccount of AI pipeline jobs; made where it is missing.",
            .value = text(build.pipeline_service_account)})
      .add({.flag = "discovery-image",
            .env = "DEPENDENCY_SERVICE_IMAGE",
            .default_value = build.discovery_image,
            .help = "Image of dependency discovery, for teams that name none.",
            .value = text(build.discovery_image)})
      .add({.flag = "discovery-service-account",
            .env = "DEPENDENCY_SERVICE_ACCOUNT",
            .default_value = build.discovery_service_account,
            .help = "ServiceAccount of dependency discovery jobs; made where it is missing.",
            .value = text(build.discovery_service_account)})
      .add({.flag = "image-pull-secrets",
            .help = "Secrets in the team's namespace with which the images are pulled.",
            .value = list(build.image_pull_secrets)})
      .add(
          {.flag = "gateway-peer",
           .default_value =
               R"({"namespaceSelector":{},"podSelector":{"matchLabels":{"app.kubernetes.io/name":"webhook-gateway"}}})",
           .help = "NetworkPolicyPeer that may call an isolated agent.",
           .value = network_policy_peer(build.gateway_peer)})
      .add(
          {.flag = "config-service-peer",
           .default_value =
               R"({"namespaceSelector":{},"podSelector":{"matchLabels":{"app":"incidentfox-config-service"}}})",
           .help = "NetworkPolicyPeer of the Config Service, which an isolated agent may call.",
           .value = network_policy_peer(build.config_service_peer)});
  table.section("What teams may ask for")
      .add({.flag = "allowed-image-registries",
            .help = "Registries, or paths in them as in ghcr.io/acme, that the images which teams name come "
                    "from (docker.io where an image names none). Without it: any.",
            .value = list(build.allowed_image_registries)})
      .add({.flag = "reserved-namespaces",
            .help = "Namespaces in which no team is served.",
            .value = list(build.reserved_namespaces)})
      .add({.flag = "reserved-org-ids",
            .help = "Values of orgId that no team may have.",
            .value = list(build.reserved_org_ids)})
      .add({.flag = "reserved-team-node-ids",
            .help = "Values of teamNodeId that no team may have.",
            .value = list(build.reserved_team_node_ids)});
}

void add_run(options::Table& table, RunOptions& o) {
  add_kubeconfig(table, o.kubeconfig);
  table
      .add({.flag = "watch-namespaces",
            .env = "K8S_NAMESPACE",
            .help = "Serve only these namespaces. Without it: all.",
            .value = options::list(o.watch_namespaces)})
      .add({.flag = "watch-label-selector",
            .help = "Serve only the TeamProvisionings with these labels, as in shard=a. Without it: all. "
                    "Operators that share a cluster in this way do not see each other's teams.",
            .value = options::text(o.watch_label_selector)})
      .add({.flag = "workers",
            .default_value = "4",
            .help = "Teams that are reconciled at the same time.",
            .value = options::integer(o.workers, 1, 64)})
      .add({.flag = "resync-interval",
            .default_value = "10m",
            .help = "Look at every team again after this, ±10 %, whatever the watches say.",
            .value = options::duration(o.resync_interval, std::chrono::seconds{1})})
      .add({.flag = "storm-pause",
            .default_value = "5m",
            .help = "How long a team whose objects somebody changes back as often as they are repaired is "
                    "looked at only from time to time.",
            .value = options::duration(o.breaker.open_for, std::chrono::seconds{1})})
      .add({.flag = "storm-probe-interval",
            .default_value = "30s",
            .help = "How often it is looked at meanwhile.",
            .value = options::duration(o.breaker.probe_interval, std::chrono::seconds{1})});
  add_election(table, o);
  table.section("Services around the cluster")
      .add(config_service_token_option(o))
      .add({.flag = "ai-pipeline-url",
            .env = "AI_PIPELINE_API_URL",
            .metavar = "URL",
            .help = "The AI pipeline, which fills a team's knowledge base once. Without it, no team is "
                    "bootstrapped.",
            .value = options::text(o.ai_pipeline_url)})
      .add({.flag = "ai-pipeline-token-file",
            .env = "AI_PIPELINE_TOKEN_FILE",
            .metavar = "FILE",
            .help = "Token for the AI pipeline; never the Config Service's.",
            .value = options::text(o.ai_pipeline_token_file)})
      .add({.flag = "drift-interval",
            .default_value = "10m",
            .help =
                "Read again what a team has in the Config Service after this, ±10 %, unless the team says "
                "otherwise.",
            .value = options::duration(o.drift_interval, std::chrono::seconds{1})})
      .add({.flag = "platform-workers",
            .default_value = "4",
            .help = "Teams that may wait for these services at the same time, beside --workers.",
            .value = options::integer(o.platform_workers, 1, 16)})
      .add({.flag = "deletion-give-up",
            .default_value = "15m",
            .help =
                "How long a deletion waits for services that do not answer before it leaves there what is "
                "left, and says so.",
            .value = options::duration(o.deletion_give_up, std::chrono::seconds{1})})
      .add(connect_to_option(o));
  table.section("Releases")
      .add({.flag = "agent-releases",
            .default_value = "true",
            .help = "Whether teams follow AgentReleases, which are resources of the whole cluster. Without: "
                    "the images above, for all.",
            .value = options::boolean(o.build.releases)})
      .add({.flag = "release-rollout-rate",
            .default_value = "60",
            .help = "Teams a minute that follow when the default AgentRelease is another; 0 for no bound. "
                    "Teams that name their release move at once.",
            .value = options::integer(o.releases.teams_per_minute, 0, 100'000)})
      .add({.flag = "release-max-progressing",
            .default_value = "25",
            .help = "Teams that may be on their way to one default release at the same time.",
            .value = options::integer(o.releases.max_progressing, 1, 100'000)})
      .add({.flag = "release-max-failed",
            .default_value = "3",
            .help = "Once so many teams had to be put back from a default release, no other follows it.",
            .value = options::integer(o.releases.max_failed, 1, 100'000)});
  table.section("Serving")
      .add({.flag = "metrics-bind-address",
            .default_value = ":8080",
            .help = "Where /metrics is served.",
            .value = options::address(o.metrics_bind_address)})
      .add({.flag = "health-probe-bind-address",
            .default_value = ":8081",
            .help = "Where /healthz, /livez and /readyz are served; may be the same address.",
            .value = options::address(o.health_probe_bind_address)})
      .add({.flag = "debug-bind-address",
            .help = "Where /debug/state and /debug/loglevel are served, on a loopback address such as "
                    "127.0.0.1:6060. Without it: nowhere.",
            .value = loopback_address(o.debug_bind_address)})
      .add({.flag = "team-metrics",
            .default_value = "true",
            .help = "Metrics of each team on /metrics. false for fleets that are too large for that.",
            .value = options::boolean(o.team_metrics)});
  table.section("Logging");
  options::add_log(table, o.log_level, o.log_format);
  add_build(table, o.build);
}

options::Table run_table(RunOptions& o) {
  options::Table table{"team-operator run [flags]",
                       "Watches TeamProvisionings and makes the cluster match them."};
  add_run(table, o);
  return table;
}

Result<RunOptions> completed(RunOptions o) {
  if (!o.ai_pipeline_url.empty() && o.ai_pipeline_token_file.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 "--ai-pipeline-token-file is missing, which --ai-pipeline-url needs"};
  }
  if (!o.ai_pipeline_url.empty() && o.config_service_token_file.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 "--config-service-token-file is missing: a team is bootstrapped after it is configured"};
  }
  if (!o.lease_times.fit_together()) {
    return Error{ErrorCode::InvalidArgument,
                 "--leader-election-lease-duration must be more than --leader-election-renew-deadline, and "
                 "that more than 1.2 times --leader-election-retry-period"};
  }
  o.build.platform = !o.config_service_token_file.empty();
  o.build.bootstrap = o.build.platform && !o.ai_pipeline_url.empty();
  return o;
}

options::Table plan_table(PlanOptions& o) {
  options::Table table{"team-operator plan -f FILE [flags]",
                       "Prints what would be done for the TeamProvisionings of a file, without a cluster."};
  table.section("Input")
      .add({.flag = "filename",
            .letter = 'f',
            .metavar = "FILE",
            .help = "YAML or JSON, one or several documents.",
            .required = true,
            .value = options::text(o.file)})
      .add({.flag = "namespace",
            .letter = 'n',
            .default_value = "default",
            .help = "For documents that name no namespace.",
            .value = options::text(o.ns)});
  add_build(table, o.build);
  return table;
}

}  // namespace tp::provisioner
