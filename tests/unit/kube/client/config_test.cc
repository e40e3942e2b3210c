#include "kube/client/config.h"

#include <string>
#include <utility>

#include "support/catch.h"

namespace tp::kube {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

const std::string kGood = R"(apiVersion: v1
kind: Config
current-context: local
clusters:
- name: other
  cluster: {server: "https://other"}
- name: home
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority: pki/ca.crt
    tls-server-name: kubernetes
contexts:
- name: local
  context: {cluster: home, user: admin, namespace: teams}
- name: elsewhere
  context: {cluster: other, user: robot}
users:
- name: admin
  user:
    client-certificate: /pki/admin.crt
    client-key-data: c2VjcmV0IGtleQ==
- name: robot
  user:
    token: abc
)";

Error refusal(const std::string& text, const std::string& context = {}) {
  const auto config = parse_kubeconfig(text, "/etc/kube/config", context);
  REQUIRE_FALSE(config);
  CHECK(config.error().code == ErrorCode::InvalidArgument);
  CHECK(config.error().message.starts_with("/etc/kube/config: "));
  CHECK(config.error().message.find('\n') == std::string::npos);
  return config.error();
}

TEST_CASE("kubeconfig: the current context", "[kube]") {
  const auto config = parse_kubeconfig(kGood, "/etc/kube/config");
  REQUIRE(config);
  CHECK(config->server == "https://127.0.0.1:6443");
  CHECK(config->server_name == "kubernetes");
  CHECK(config->ca_file == "/etc/kube/pki/ca.crt");
  CHECK(config->ca_pem.empty());
  CHECK(config->client_cert_file == "/pki/admin.crt");
  CHECK(config->client_key_file.empty());
  CHECK(config->client_key_pem.reveal() == "secret key");
  CHECK(config->token.empty());
  CHECK(config->ns == "teams");
}

TEST_CASE("kubeconfig: another context", "[kube]") {
  const auto config = parse_kubeconfig(kGood, "config", "elsewhere");
  REQUIRE(config);
  CHECK(config->server == "https://other");
  CHECK(config->token.reveal() == "abc");
  CHECK(config->client_cert_file.empty());
  CHECK(config->ns == "default");
}

TEST_CASE("kubeconfig: data goes before a file, and only one of them is given", "[kube]") {
  const auto config = parse_kubeconfig(
      replaced(
          kGood, "certificate-authority: pki/ca.crt",
          "certificate-authority: pki/ca.crt\n    certificate-authority-data: |\n      UEVN\n      IQ=="),
      "config");
  REQUIRE(config);
  CHECK(config->ca_pem == "PEM!");
  CHECK(config->ca_file.empty());
}

TEST_CASE("kubeconfig: token file", "[kube]") {
  const auto config =
      parse_kubeconfig(replaced(kGood, "token: abc", "tokenFile: run/token"), "conf/config", "elsewhere");
  REQUIRE(config);
  CHECK(config->token_file == "conf/run/token");
}

TEST_CASE("kubeconfig: JSON is YAML", "[kube]") {
  const auto config = parse_kubeconfig(
      R"({"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":""}}],
          "clusters":[{"name":"k","cluster":{"server":"https://k","insecure-skip-tls-verify":false}}],"users":null})",
      "config");
  REQUIRE(config);
  CHECK(config->server == "https://k");
}

TEST_CASE("kubeconfig: what could act as somebody else or talk to somebody else is refused by name",
          "[kube]") {
  for (const auto& [field, text] : std::initializer_list<std::pair<std::string, std::string>>{
           {"exec", "exec: {command: aws}"},
           {"auth-provider", "auth-provider: {name: gcp}"},
           {"username", "username: a"},
           {"password", "password: geheim"},
           {"as", "as: root"},
           {"as-groups", "as-groups: [geheim]"},
           {"token", "token: [geheim]"},
       }) {
    const std::string message = refusal(replaced(kGood, "token: abc", text), "elsewhere").message;
    CHECK(message.find("users[robot].user." + field + " ") != std::string::npos);
    CHECK(message.find("geheim") == std::string::npos);
  }
  for (const auto& [field, text] : std::initializer_list<std::pair<std::string, std::string>>{
           {"server", R"(server: "http://other")"},
           {"server", "a: b"},
           {"insecure-skip-tls-verify", R"(server: "https://other", insecure-skip-tls-verify: true)"},
           {"proxy-url", R"(server: "https://other", proxy-url: "http://p")"},
           {"certificate-authority-data", R"(server: "https://other", certificate-authority-data: "?")"},
       }) {
    const auto error = refusal(replaced(kGood, R"(server: "https://other")", text), "elsewhere");
    CHECK(error.message.find("clusters[other].cluster." + field + " ") != std::string::npos);
  }
}

TEST_CASE("kubeconfig: what is missing is named", "[kube]") {
  CHECK(refusal(kGood, "nowhere").message == R"(/etc/kube/config: contexts has no context named "nowhere")");
  CHECK(refusal(replaced(kGood, "current-context: local", "")).message ==
        "/etc/kube/config: no current-context");
  CHECK(refusal(replaced(kGood, "- name: home", "- name: house")).message ==
        R"(/etc/kube/config: clusters has no cluster named "home")");
  CHECK(refusal(replaced(kGood, "- name: admin", "- name: adm")).message ==
        R"(/etc/kube/config: users has no user named "admin")");
  CHECK(refusal(replaced(kGood, "    client-key-data: c2VjcmV0IGtleQ==\n", "")).message ==
        "/etc/kube/config: users[admin].user.client-key is missing beside client-certificate");
  CHECK(refusal("contexts: 1\ncurrent-context: a").message == "/etc/kube/config: contexts is not a list");
  CHECK(refusal("").message == "/etc/kube/config: not a kubeconfig: no mapping at the top");
}

TEST_CASE("kubeconfig: what is not YAML is not quoted", "[kube]") {
  const auto error = refusal("a: b\ntoken: {geheim: [\n");
  CHECK(error.message.find("not YAML at line") != std::string::npos);
  CHECK(error.message.find("geheim") == std::string::npos);
}

TEST_CASE("kubeconfig: base64", "[kube]") {
  const auto decode = [](const std::string& text) {
    const auto config = parse_kubeconfig(replaced(kGood, "c2VjcmV0IGtleQ==", "\"" + text + "\""), "config");
    return config ? std::string{config->client_key_pem.reveal()} : std::string{"refused"};
  };
  CHECK(decode("Zg==") == "f");
  CHECK(decode("Zm8=") == "fo");
  CHECK(decode("Zm9v") == "foo");
  CHECK(decode("Zm9vYg") == "foob");  // without padding
  CHECK(decode("Zm 9v\\nYmE=") == "fooba");
  CHECK(decode("+/+/") == "\xfb\xff\xbf");
  for (const auto* const bad : {"Z", "Zg=", "Zg===", "Z=g=", "Zm9v=", "Zm-_", "===="}) {
    CAPTURE(bad);
    CHECK(decode(bad) == "refused");
  }
}

}  // namespace
}  // namespace tp::kube
