#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "crypto/secret.h"

namespace tp::kube {

// How to reach an API server and who we are there.
struct ClientConfig {
  std::string server{};       // https://host:port, perhaps with a path
  std::string server_name{};  // tls-server-name: checked instead of the URL's host
  // Each either a file (re-read when it changes) or PEM text, never both; both empty: none.
  std::string ca_file{}, ca_pem{};
  std::string client_cert_file{}, client_cert_pem{};
  std::string client_key_file{};
  crypto::Secret client_key_pem{};
  std::string token_file{};
  crypto::Secret token{};
  std::string ns{"default"};  // the namespace of the context or of the pod
};

// The pod's own: /var/run/secrets/kubernetes.io/serviceaccount and KUBERNETES_SERVICE_HOST/_PORT (passed in,
// already read). FailedPrecondition when one is missing, naming it. On a cluster with IPv6 Services the
// server is called by its name, kubernetes.default.svc, since the HTTP client knows no IPv6 literals.
[[nodiscard]] Result<ClientConfig> in_cluster_config(const std::optional<std::string>& service_host,
                                                     const std::optional<std::string>& service_port,
                                                     const std::string& directory);

// A kubeconfig file's current context (or `context`). Relative file names are relative to the file.
// Understands certificate-authority(-data), client-certificate(-data), client-key(-data), token, tokenFile,
// tls-server-name; "-data" goes before a file. Other fields of a cluster or a user that mean nothing to us
// are ignored, as kubectl does, but what would change who we are or where we talk is refused, with one line
// that names file and field (InvalidArgument): exec and auth-provider credentials, username and password,
// impersonation (as), proxy-url, insecure-skip-tls-verify, servers without https. Messages never quote a
// value.
[[nodiscard]] Result<ClientConfig> load_kubeconfig(const std::string& path, const std::string& context = {});

// The same from the text of a file called `path`, which need not exist.
[[nodiscard]] Result<ClientConfig> parse_kubeconfig(const std::string& text,
                                                    const std::string& path,
                                                    const std::string& context = {});

}  // namespace tp::kube
