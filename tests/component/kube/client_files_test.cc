#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "kube/client/config.h"
#include "kube/client/token_source.h"
#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "tp-kube-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;  // a leftover in /tmp is no reason to fail
    std::filesystem::remove_all(path_, ignored);
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream out{path_ / name, std::ios::binary};
    out << text;
    out.close();
    REQUIRE(out);
  }
  void remove(const std::string& name) const { REQUIRE(std::filesystem::remove(path_ / name)); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string str() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

struct Tokens {
  Directory directory;
  test::FakeClock clock;
  log::Sink sink{clock, STDERR_FILENO, log::Level::Error, log::Format::Json};
  FileTokenSource source{directory / "token", clock, log::Logger{sink, "token"}};

  std::string now() {
    const auto token = source.token({});
    return token ? std::string{token->reveal()} : "error: " + token.error().message;
  }
};

TEST_CASE("token file: read again after a minute", "[kube]") {
  Tokens t;
  t.directory.write("token", "one\n");
  CHECK(t.now() == "one");
  t.directory.write("token", "two");
  t.clock.advance(59s);
  CHECK(t.now() == "one");
  t.clock.advance(1s);
  CHECK(t.now() == "two");
}

TEST_CASE("token file: read again at once after a refusal", "[kube]") {
  Tokens t;
  t.directory.write("token", "one");
  CHECK(t.now() == "one");
  t.directory.write("token", "two");
  t.source.rejected();
  CHECK(t.now() == "two");
}

TEST_CASE("token file: the last good token stays", "[kube]") {
  Tokens t;
  t.directory.write("token", "one");
  CHECK(t.now() == "one");
  for (const auto* const bad : {"", " \n", "two words", "new\nline"}) {
    CAPTURE(bad);
    t.directory.write("token", bad);
    t.source.rejected();
    CHECK(t.now() == "one");
  }
  t.directory.remove("token");
  t.source.rejected();
  CHECK(t.now() == "one");
  t.directory.write("token", "two");
  t.clock.advance(60s);
  CHECK(t.now() == "two");
}

TEST_CASE("token file: without a good token it fails, and works as soon as there is one", "[kube]") {
  Tokens t;
  const auto none = t.source.token({});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::FailedPrecondition);
  CHECK(none.error().message.starts_with(t.directory / "token"));
  t.directory.write("token", "one");
  CHECK(t.now() == "one");
}

TEST_CASE("token source: what a configuration asks for", "[kube]") {
  Tokens t;
  const log::Logger log{t.sink, "token"};
  CHECK(make_token_source({}, t.clock, log) == nullptr);
  t.directory.write("token", "from file");
  ClientConfig config;
  config.token = crypto::Secret{"fixed"};
  auto source = make_token_source(config, t.clock, log);
  REQUIRE(source);
  REQUIRE(source->token({}));
  CHECK(source->token({})->reveal() == "fixed");
  t.directory.write("token", "file");
  config.token_file = t.directory / "token";
  source = make_token_source(config, t.clock, log);
  REQUIRE(source);
  REQUIRE(source->token({}));
  CHECK(source->token({})->reveal() == "file");
}

TEST_CASE("in-cluster configuration", "[kube]") {
  const Directory pod;
  pod.write("token", "t");
  pod.write("ca.crt", "PEM");
  pod.write("namespace", "teams\n");
  const auto config = in_cluster_config("10.96.0.1", "443", pod.str());
  REQUIRE(config);
  CHECK(config->server == "https://10.96.0.1:443");
  CHECK(config->ca_file == pod / "ca.crt");
  CHECK(config->token_file == pod / "token");
  CHECK(config->token.empty());
  CHECK(config->ns == "teams");

  const auto ipv6 = in_cluster_config("fd00::1", "443", pod.str());
  REQUIRE(ipv6);
  CHECK(ipv6->server == "https://kubernetes.default.svc:443");
}

TEST_CASE("in-cluster configuration: each missing part is named", "[kube]") {
  const auto why = [](const auto& host, const auto& port, const Directory& pod) {
    const auto config = in_cluster_config(host, port, pod.str());
    REQUIRE_FALSE(config);
    CHECK(config.error().code == ErrorCode::FailedPrecondition);
    return config.error().message;
  };
  using Text = std::optional<std::string>;
  for (const auto* const absent : {"token", "ca.crt", "namespace"}) {
    const Directory pod;
    for (const auto* const name : {"token", "ca.crt", "namespace"}) {
      if (std::string_view{name} != absent) pod.write(name, "x");
    }
    CHECK(why(Text{"h"}, Text{"1"}, pod).find(pod / absent) != std::string::npos);
  }
  const Directory pod;
  CHECK(why(Text{}, Text{"1"}, pod).find("KUBERNETES_SERVICE_HOST") != std::string::npos);
  CHECK(why(Text{"h"}, Text{""}, pod).find("KUBERNETES_SERVICE_PORT") != std::string::npos);
}

TEST_CASE("kubeconfig: from a file", "[kube]") {
  const Directory home;
  home.write("config", R"({current-context: c, contexts: [{name: c, context: {cluster: k}}],
    clusters: [{name: k, cluster: {server: "https://k", certificate-authority: ca.crt}}]})");
  const auto config = load_kubeconfig(home / "config");
  REQUIRE(config);
  CHECK(config->ca_file == home / "ca.crt");
  CHECK(load_kubeconfig(home / "none").error().code == ErrorCode::NotFound);
}

}  // namespace
}  // namespace tp::kube
