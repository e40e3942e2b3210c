#include "kube/cluster/cluster.h"

#include <utility>

#include "base/env.h"
#include "http/gated_client.h"
#include "http/traced_client.h"
#include "http_cpprest/client.h"
#include "kube/client/request_metrics.h"
#include "kube/client/token_source.h"

namespace tp::kube {
namespace {

constexpr const char* kServiceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

// No server at all.
class Nobody final : public http::HttpClient {
 public:
  explicit Nobody(Error why) : why_(std::move(why)) {}

  Result<http::Response> send(const Context& /*ctx*/, const http::Request& /*request*/) override {
    return why_;
  }
  void start(const Context& /*ctx*/,
             http::Request /*request*/,
             std::function<void(http::Exchange)> done) override {
    done({why_, false});
  }
  Status stream(const Context& /*ctx*/,
                const http::Request& /*request*/,
                http::ResponseSink& /*sink*/) override {
    return why_;
  }

 private:
  const Error why_;
};

http::ClientOptions http_options(const ClientConfig& config,
                                 std::shared_ptr<http::TokenSource> tokens,
                                 const std::string& user_agent,
                                 const log::Logger& log) {
  return {.base_url = config.server,
          .tls = {.ca_file = config.ca_file,
                  .ca_pem = config.ca_pem,
                  .cert_file = config.client_cert_file,
                  .cert_pem = config.client_cert_pem,
                  .key_file = config.client_key_file,
                  .key_pem = config.client_key_pem,
                  .server_name = config.server_name},
          .token_source = std::move(tokens),
          .user_agent = user_agent,
          .log = log.named("http")};
}

}  // namespace

Result<ClientConfig> find_config(const std::string& kubeconfig) {
  if (!kubeconfig.empty()) return load_kubeconfig(kubeconfig);
  return in_cluster_config(env_var("KUBERNETES_SERVICE_HOST"), env_var("KUBERNETES_SERVICE_PORT"),
                           kServiceAccountDirectory);
}

Result<std::unique_ptr<Cluster>> Cluster::connect(const ClientConfig& config,
                                                  const std::string& user_agent,
                                                  const Clock& clock,
                                                  const log::Logger& log,
                                                  metrics::Registry& registry,
                                                  const http::WriteGate* gate) {
  const auto tokens = make_token_source(config, clock, log.named("token"));
  TP_ASSIGN_OR_RETURN(auto unary, http::create_client(http_options(config, tokens, user_agent, log), clock));
  if (gate != nullptr) unary = std::make_unique<http::GatedClient>(std::move(unary), *gate);
  TP_ASSIGN_OR_RETURN(auto streaming,
                      http::create_client(http_options(config, tokens, user_agent, log), clock));
  return std::unique_ptr<Cluster>{
      new Cluster{std::move(unary), std::move(streaming), clock, count_requests(registry, config.server)}};
}

std::unique_ptr<Cluster> Cluster::none(Error why, const Clock& clock) {
  why.code = ErrorCode::Unavailable;
  return std::unique_ptr<Cluster>{
      new Cluster{std::make_unique<Nobody>(why), std::make_unique<Nobody>(why), clock, {}}};
}

Cluster::Cluster(std::unique_ptr<http::HttpClient> unary,
                 std::unique_ptr<http::HttpClient> streaming,
                 const Clock& clock,
                 ApiClient::Observer count)
    : unary_(std::make_unique<http::TracedClient>(std::move(unary), rng_)),
      streaming_(std::move(streaming)),
      recovery_(clock),
      api_(*unary_, *streaming_, clock, [this, count = std::move(count)](const ApiClient::Call& call) {
        call.status > 0 && call.status < 500 ? recovery_.succeeded() : recovery_.failed();
        if (count) count(call);
      }) {}

}  // namespace tp::kube
