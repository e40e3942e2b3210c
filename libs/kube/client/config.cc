#include "kube/client/config.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "base/env.h"

namespace tp::kube {
namespace {

// RFC 4648, section 4. Space between characters is allowed, as kubeconfigs are sometimes folded by hand.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);  // one buffer: a key must not be left behind in an outgrown one
  std::uint32_t bits = 0;                // not written yet: the last `pending` of them
  unsigned pending = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos || padding > 0) return std::nullopt;
    ++digits;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    pending += 6;
    if (pending < 8) continue;
    pending -= 8;
    out.push_back(static_cast<char>((bits >> pending) & 0xFFU));
  }
  if (digits % 4 == 1 || padding > 2 || (padding > 0 && (digits + padding) % 4 != 0)) return std::nullopt;
  return out;
}

// One kubeconfig, read for one context. Throws only YAML::Exception.
class Reader {
 public:
  Reader(const std::string& path, const YAML::Node& root) : path_(path), root_(root) {}

  Result<ClientConfig> read(std::string context_name) {
    if (!root_.IsMap()) return refuse("not a kubeconfig: no mapping at the top");
    if (context_name.empty()) {
      TP_ASSIGN_OR_RETURN(context_name, text(root_, "current-context", "current-context"));
      if (context_name.empty()) return refuse("no current-context");
    }
    TP_ASSIGN_OR_RETURN(const YAML::Node context, find("contexts", "context", context_name));
    const std::string at = "contexts[" + context_name + "].context.";
    TP_ASSIGN_OR_RETURN(const std::string cluster, text(context, "cluster", at + "cluster"));
    TP_ASSIGN_OR_RETURN(const std::string user, text(context, "user", at + "user"));
    TP_ASSIGN_OR_RETURN(const std::string ns, text(context, "namespace", at + "namespace"));
    if (!ns.empty()) config_.ns = ns;
    TP_TRY(read_cluster(cluster));
    if (!user.empty()) TP_TRY(read_user(user));
    return std::move(config_);
  }

 private:
  Error refuse(const std::string& reason) const {
    return {ErrorCode::InvalidArgument, path_ + ": " + reason};
  }

  // The `kind` of the entry called `name` in the list `list`.
  Result<YAML::Node> find(const std::string& list, const std::string& kind, const std::string& name) const {
    const YAML::Node entries = root_[list];
    if (entries && !entries.IsNull() && !entries.IsSequence()) return refuse(list + " is not a list");
    for (const auto& entry : entries) {
      if (!entry.IsMap() || !entry["name"] || !entry["name"].IsScalar() || entry["name"].Scalar() != name)
        continue;
      YAML::Node value = entry[kind];
      if (value && value.IsMap()) return value;
      break;
    }
    return refuse(list + " has no " + kind + " named \"" + name + "\"");
  }

  // A text member; empty when absent or null.
  Result<std::string> text(const YAML::Node& node, const std::string& key, const std::string& field) const {
    const YAML::Node value = node[key];
    if (!value || value.IsNull()) return std::string{};
    if (!value.IsScalar()) return refuse(field + " is not a text");
    return value.Scalar();
  }

  // `name` as a file, or `name`-data as its decoded content, which goes first.
  struct Pem {
    std::string file{}, content{};
  };
  Result<Pem> pem(const YAML::Node& node, const std::string& at, const std::string& name) const {
    TP_ASSIGN_OR_RETURN(const std::string encoded, text(node, name + "-data", at + name + "-data"));
    if (!encoded.empty()) {
      auto content = decode_base64(encoded);
      if (!content || content->empty()) return refuse(at + name + "-data is not base64");
      return Pem{.content = *std::move(content)};
    }
    TP_ASSIGN_OR_RETURN(const std::string file, text(node, name, at + name));
    return Pem{.file = resolve(file)};
  }

  std::string resolve(const std::string& file) const {
    if (file.empty()) return file;
    return (std::filesystem::path{path_}.parent_path() / file).string();  // an absolute name stays as it is
  }

  Status read_cluster(const std::string& name) {
    TP_ASSIGN_OR_RETURN(const YAML::Node cluster, find("clusters", "cluster", name));
    const std::string at = "clusters[" + name + "].cluster.";
    TP_ASSIGN_OR_RETURN(config_.server, text(cluster, "server", at + "server"));
    if (!config_.server.starts_with("https://")) return refuse(at + "server is not an https:// URL");
    TP_ASSIGN_OR_RETURN(const std::string insecure,
                        text(cluster, "insecure-skip-tls-verify", at + "insecure-skip-tls-verify"));
    if (!insecure.empty() && insecure != "false") {
      return refuse(at + "insecure-skip-tls-verify is not supported: give certificate-authority instead");
    }
    TP_ASSIGN_OR_RETURN(const std::string proxy, text(cluster, "proxy-url", at + "proxy-url"));
    if (!proxy.empty()) return refuse(at + "proxy-url is not supported");
    TP_ASSIGN_OR_RETURN(config_.server_name, text(cluster, "tls-server-name", at + "tls-server-name"));
    TP_ASSIGN_OR_RETURN(Pem ca, pem(cluster, at, "certificate-authority"));
    config_.ca_file = std::move(ca.file);
    config_.ca_pem = std::move(ca.content);
    return ok();
  }

  Status read_user(const std::string& name) {
    TP_ASSIGN_OR_RETURN(const YAML::Node user, find("users", "user", name));
    const std::string at = "users[" + name + "].user.";
    constexpr std::array<const char*, 8> kRefused{"exec", "auth-provider", "username",  "password",
                                                  "as",   "as-uid",        "as-groups", "as-user-extra"};
    for (const char* const field : kRefused) {
      if (const YAML::Node value = user[field]; value && !value.IsNull()) {
        return refuse(at + field + " is not supported: use a client certificate, token or tokenFile");
      }
    }
    TP_ASSIGN_OR_RETURN(Pem certificate, pem(user, at, "client-certificate"));
    TP_ASSIGN_OR_RETURN(Pem key, pem(user, at, "client-key"));
    config_.client_cert_file = std::move(certificate.file);
    config_.client_cert_pem = std::move(certificate.content);
    config_.client_key_file = std::move(key.file);
    config_.client_key_pem = crypto::Secret{std::move(key.content)};
    const bool has_certificate = !config_.client_cert_file.empty() || !config_.client_cert_pem.empty();
    const bool has_key = !config_.client_key_file.empty() || !config_.client_key_pem.empty();
    if (has_certificate != has_key) {
      return refuse(at + (has_key ? "client-certificate is missing beside client-key"
                                  : "client-key is missing beside client-certificate"));
    }
    TP_ASSIGN_OR_RETURN(const std::string token_file, text(user, "tokenFile", at + "tokenFile"));
    config_.token_file = resolve(token_file);
    TP_ASSIGN_OR_RETURN(std::string token, text(user, "token", at + "token"));
    config_.token = crypto::Secret{std::move(token)};
    return ok();
  }

  const std::string& path_;
  const YAML::Node& root_;
  ClientConfig config_;
};

Error missing(const std::string& what) {
  return {ErrorCode::FailedPrecondition, "not in a pod: " + what + " (use --kubeconfig outside a cluster)"};
}

}  // namespace

Result<ClientConfig> in_cluster_config(const std::optional<std::string>& service_host,
                                       const std::optional<std::string>& service_port,
                                       const std::string& directory) {
  if (!service_host || service_host->empty()) return missing("KUBERNETES_SERVICE_HOST is not set");
  if (!service_port || service_port->empty()) return missing("KUBERNETES_SERVICE_PORT is not set");
  ClientConfig config;
  const bool ipv6 = service_host->find(':') != std::string::npos;
  config.server =
      "https://" + (ipv6 ? std::string{"kubernetes.default.svc"} : *service_host) + ":" + *service_port;
  config.ca_file = directory + "/ca.crt";
  config.token_file = directory + "/token";
  for (const std::string& file : {config.ca_file, config.token_file}) {
    if (const auto content = read_file(file); !content) return missing(content.error().message);
  }
  auto ns = read_file(directory + "/namespace", 4096);
  if (!ns) return missing(ns.error().message);
  config.ns = ns->substr(0, ns->find_first_of(" \r\n"));
  if (config.ns.empty()) return missing(directory + "/namespace: empty");
  return config;
}

Result<ClientConfig> parse_kubeconfig(const std::string& text,
                                      const std::string& path,
                                      const std::string& context) {
  try {
    const YAML::Node root = YAML::Load(text);
    return Reader{path, root}.read(context);
  } catch (const YAML::Exception& e) {
    // Of e only the place: its text may quote the file.
    const std::string where = e.mark.is_null() ? "" : " at line " + std::to_string(e.mark.line + 1);
    return Error{ErrorCode::InvalidArgument, path + ": not YAML" + where};
  }
}

Result<ClientConfig> load_kubeconfig(const std::string& path, const std::string& context) {
  TP_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_kubeconfig(text, path, context);
}

}  // namespace tp::kube
