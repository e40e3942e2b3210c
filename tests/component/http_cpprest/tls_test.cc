// Whom a TLS client trusts, and who it says it is.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <openssl/ssl.h>
#include <unistd.h>

#include "fixture.h"
#include "support/test_pki.h"

namespace tp::http::test {
namespace {

using tp::test::LeafOptions;
using tp::test::TestCa;
using tp::test::TestIdentity;

const std::string kHost = "api.platform.svc.cluster.local";

// A folder of its own for each test, removed afterwards.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tls-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }

  // As a projected volume does: the new content appears under the name at once.
  std::string write(const std::string& name, const std::string& text) const {
    const auto file = path_ / name;
    const auto next = path_ / (name + ".next");
    std::ofstream{next, std::ios::binary} << text;
    std::filesystem::rename(next, file);
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

// A client for https://<kHost>:<port> that reaches the server on loopback.
ClientOptions options_by_name(const RawServer& server, const std::string& ca) {
  const std::string port = std::to_string(server.port());
  ClientOptions options = options_for("https://" + kHost + ":" + port);
  options.tls.ca_pem = ca;
  const auto rule = parse_connect_to(kHost + ":" + port + "=127.0.0.1:" + port);
  REQUIRE(rule);
  options.connect_to = {*rule};
  return options;
}

RawServer::Script tell_names() {
  return [](RawServer::Peer& peer) {
    while (peer.read_request()) {
      if (!peer.write(http_answer(200, peer.server_name() + "|" + peer.client_name()))) return;
    }
  };
}

Result<Response> ask(ClientOptions options) {
  return make_client(std::move(options))->send(patient(), Request{});
}

void check_refused(const Result<Response>& answer, const RawServer& server) {
  REQUIRE_FALSE(answer);
  INFO(answer.error());
  CHECK(answer.error().code == ErrorCode::Unauthenticated);
  CHECK(answer.error().message.find("certificate is refused") != std::string::npos);
  CHECK(server.requests().empty());
}

TEST_CASE(
    "tls: a name in the certificate, exact or under a whole-label wildcard, is accepted and sent as SNI") {
  const TestCa ca;
  const std::string name = GENERATE(as<std::string>{}, kHost, "*.platform.svc.cluster.local");
  RawServer server{tell_names(), {.identity = ca.issue({.dns = {"other", name}})}};
  const auto answer = ask(options_by_name(server, ca.cert()));
  if (!answer) FAIL(answer.error());
  CHECK(answer->body == kHost + "|");
  CHECK(header_of(server.requests().front(), "Host") == kHost + ":" + std::to_string(server.port()));
}

TEST_CASE("tls: an address in the certificate is accepted; addresses are never sent as SNI") {
  const TestCa ca;
  RawServer server{tell_names(), {.identity = ca.issue({.ip = {"127.0.0.1"}})}};
  ClientOptions options = options_for(server.url());
  options.tls.ca_pem = ca.cert();
  const auto answer = ask(std::move(options));
  if (!answer) FAIL(answer.error());
  CHECK(answer->body == "|");
}

TEST_CASE("tls: a server_name that differs from the URL's host is what is asked for and checked") {
  const TestCa ca;
  RawServer server{tell_names(), {.identity = ca.issue({.dns = {kHost}})}};
  ClientOptions options = options_for(server.url());
  options.tls.ca_pem = ca.cert();
  options.tls.server_name = kHost;
  const auto answer = ask(std::move(options));
  if (!answer) FAIL(answer.error());
  CHECK(answer->body == kHost + "|");
}

TEST_CASE("tls: a certificate for something else is refused") {
  const TestCa ca;
  const auto leaf = GENERATE(
      // only the common name says it: no fallback
      LeafOptions{.common_name = kHost}, LeafOptions{.common_name = kHost, .ip = {"127.0.0.1"}},
      // another host
      LeafOptions{.dns = {"other.platform.svc.cluster.local"}},
      // a wildcard for part of a label, for several labels, for everything
      LeafOptions{.dns = {"a*.platform.svc.cluster.local"}}, LeafOptions{.dns = {"*.svc.cluster.local"}},
      LeafOptions{.dns = {"*"}},
      // the address that TCP goes to, not the name that was asked for
      LeafOptions{.ip = {"127.0.0.1"}});
  RawServer server{tell_names(), {.identity = ca.issue(leaf)}};
  check_refused(ask(options_by_name(server, ca.cert())), server);
}

TEST_CASE("tls: an address must stand in the certificate as an address") {
  const TestCa ca;
  const auto leaf = GENERATE(LeafOptions{.common_name = "127.0.0.1"}, LeafOptions{.dns = {"127.0.0.1"}},
                             LeafOptions{.ip = {"127.0.0.2"}});
  RawServer server{tell_names(), {.identity = ca.issue(leaf)}};
  ClientOptions options = options_for(server.url());
  options.tls.ca_pem = ca.cert();
  check_refused(ask(std::move(options)), server);
}

TEST_CASE("tls: only the given CA is trusted, not one of the same name, not the system's") {
  const TestCa ca{"one name"};
  const TestCa other{"one name"};
  const TempDir dir;
  RawServer server{tell_names(), {.identity = ca.issue({.dns = {kHost}})}};
  // OpenSSL reads its default roots from here, whenever somebody asks for them.
  REQUIRE(::setenv("SSL_CERT_FILE", dir.write("roots.pem", ca.cert()).c_str(), 1) == 0);

  check_refused(ask(options_by_name(server, other.cert())), server);

  ClientOptions options = options_by_name(server, "");
  options.tls.system_roots = true;
  const auto answer = ask(std::move(options));
  if (!answer) FAIL(answer.error());
  REQUIRE(::unsetenv("SSL_CERT_FILE") == 0);
}

TEST_CASE("tls: versions below 1.2 are refused") {
  const TestCa ca;
  const auto [version, accepted] = GENERATE(std::pair{TLS1_VERSION, false}, std::pair{TLS1_1_VERSION, false},
                                            std::pair{TLS1_2_VERSION, true});
  RawServer server{tell_names(), {.identity = ca.issue({.dns = {kHost}}), .max_version = version}};
  const auto answer = ask(options_by_name(server, ca.cert()));
  CHECK(answer.has_value() == accepted);
  if (!answer) CHECK(answer.error().code == ErrorCode::Unavailable);
}

TEST_CASE("tls: the client certificate is presented") {
  const TestCa ca;
  const TestIdentity me = ca.issue({.common_name = "team-operator"});
  RawServer server{tell_names(), {.identity = ca.issue({.dns = {kHost}}), .client_ca = ca.cert()}};

  ClientOptions options = options_by_name(server, ca.cert());
  options.tls.cert_pem = me.cert;
  options.tls.key_pem = crypto::Secret{me.key};
  const auto answer = ask(std::move(options));
  if (!answer) FAIL(answer.error());
  CHECK(answer->body == kHost + "|team-operator");

  const auto without = ask(options_by_name(server, ca.cert()));
  REQUIRE_FALSE(without);
  CHECK(without.error().code == ErrorCode::Unavailable);
}

TEST_CASE("tls: streams are checked too") {
  const TestCa ca;
  RawServer server{tell_names(), {.identity = ca.issue({.common_name = kHost})}};
  FunctionSink sink{[](std::string_view) { return ok(); }};
  const Status ended = make_client(options_by_name(server, ca.cert()))->stream(patient(), Request{}, sink);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::Unauthenticated);
}

TEST_CASE(
    "tls: changed files are used for the next request; unusable ones are not; what is in flight goes on") {
  const TestCa old_ca;
  const TestCa new_ca;
  const TempDir dir;
  Signal first_line;
  Signal reloaded;
  const auto script = [&](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      if (request->starts_with("GET /watch ")) {
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk("1"));
        first_line.set();
        if (!reloaded.wait()) return;
        peer.write(http_chunk("2") + http_chunk(""));
      } else if (!peer.write(http_answer(200, ""))) {
        return;
      }
    }
  };
  RawServer old_server{script, {.identity = old_ca.issue({.dns = {kHost}})}};
  RawServer new_server{script, {.identity = new_ca.issue({.dns = {kHost}})}};

  ClientOptions for_old = options_by_name(old_server, "");
  for_old.tls.ca_file = dir.write("ca.pem", old_ca.cert());
  for_old.reload_interval = std::chrono::milliseconds{0};
  ClientOptions for_new = options_by_name(new_server, "");
  for_new.tls.ca_file = for_old.tls.ca_file;
  for_new.reload_interval = std::chrono::milliseconds{0};
  const auto old_client = make_client(std::move(for_old));
  const auto new_client = make_client(std::move(for_new));

  REQUIRE(old_client->send(patient(), Request{}));
  CHECK_FALSE(new_client->send(patient(), Request{}));

  std::string watched;
  std::atomic<bool> watch_ended_well = false;
  std::jthread watch{[&] {
    FunctionSink sink{[&](std::string_view bytes) {
      watched += bytes;
      return ok();
    }};
    watch_ended_well =
        old_client->stream(patient(), Request{Method::Get, "/watch", {}, ""}, sink).has_value();
  }};
  REQUIRE(first_line.wait());

  dir.write("ca.pem", "half a file");
  CHECK(old_client->send(patient(), Request{}));
  CHECK_FALSE(new_client->send(patient(), Request{}));

  dir.write("ca.pem", new_ca.cert());
  CHECK(new_client->send(patient(), Request{}));
  // The old server is no longer trusted, not even over the connection that is still open.
  const auto distrusted = old_client->send(patient(), Request{});
  REQUIRE_FALSE(distrusted);
  CHECK(distrusted.error().code == ErrorCode::Unauthenticated);

  reloaded.set();
  watch.join();
  CHECK(watch_ended_well);
  CHECK(watched == "12");
}

TEST_CASE("tls: settings that cannot work are refused when the client is made, and say why") {
  const TestCa ca;
  const TestIdentity me = ca.issue({});
  const TestIdentity stranger = ca.issue({});
  const auto refusal = [](auto change) {
    ClientOptions options = options_for("https://api");
    change(options.tls);
    const auto client = create_client(std::move(options), real_clock());
    REQUIRE_FALSE(client);
    return client.error();
  };
  const auto says = [](const Error& error, ErrorCode code, std::string_view text) {
    INFO(error);
    return error.code == code && error.message.find(text) != std::string::npos;
  };
  using enum ErrorCode;

  CHECK(says(refusal([](TlsOptions&) {}), InvalidArgument, "needs a CA bundle"));
  CHECK(says(refusal([](TlsOptions& t) { t.ca_pem = "junk"; }), InvalidArgument, "CA bundle"));
  CHECK(says(refusal([](TlsOptions& t) { t.ca_file = "/nonexistent/ca.pem"; }), NotFound,
             "/nonexistent/ca.pem"));
  CHECK(says(refusal([&](TlsOptions& t) { t.ca_pem = ca.cert(), t.ca_file = "/x"; }), InvalidArgument,
             "not both"));
  CHECK(says(refusal([&](TlsOptions& t) { t.ca_pem = ca.cert(), t.system_roots = true; }), InvalidArgument,
             "not both"));
  CHECK(says(refusal([&](TlsOptions& t) { t.ca_pem = ca.cert(), t.cert_pem = me.cert; }), InvalidArgument,
             "go together"));
  CHECK(says(refusal([&](TlsOptions& t) {
               t.ca_pem = ca.cert(), t.cert_pem = me.cert, t.key_pem = crypto::Secret{stranger.key};
             }),
             InvalidArgument, "does not belong"));
  CHECK(says(refusal([&](TlsOptions& t) {
               t.ca_pem = ca.cert(), t.cert_pem = me.cert, t.key_pem = crypto::Secret{"-----BEGIN JUNK-----"};
             }),
             InvalidArgument, "client key"));
}

}  // namespace
}  // namespace tp::http::test
