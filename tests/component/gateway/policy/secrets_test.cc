#include "gateway/policy/secrets.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <unistd.h>

#include "crypto/encoding.h"
#include "support/catch.h"

namespace tp::gateway {
namespace {

namespace fs = std::filesystem;

class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "tp-secrets-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;  // a leftover in /tmp is no reason to fail
    fs::remove_all(path_, ignored);
  }

  // In one step, as Kubernetes does it: nobody sees half a file.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream out{path_ / (name + "~"), std::ios::binary};
    out << text;
    out.close();
    REQUIRE(out);
    fs::rename(path_ / (name + "~"), path_ / name);
  }
  void remove(const std::string& name) const { REQUIRE(fs::remove(path_ / name)); }
  [[nodiscard]] SecretFile file(SourceKind source,
                                const std::string& name,
                                Scope scope = {},
                                std::string endpoint = {}) const {
    return {.source = source,
            .endpoint = std::move(endpoint),
            .scope = std::move(scope),
            .path = (path_ / name).string()};
  }

 private:
  fs::path path_;
};

std::vector<std::string> texts(const Secrets& secrets, SourceKind source, std::string_view endpoint = {}) {
  std::vector<std::string> all;
  const auto set = secrets.snapshot(source, endpoint);
  REQUIRE(set->secrets.size() == set->about.size());
  for (const crypto::Secret& secret : set->secrets) all.emplace_back(secret.reveal());
  return all;
}

using Texts = std::vector<std::string>;

TEST_CASE("a file holds a secret a line, and space does not count") {
  const Directory directory;
  directory.write("g", "\n  one  \r\n\n\ttwo\nthree");
  Secrets secrets{{directory.file(SourceKind::GitHub, "g", {"acme", "sre"})}, {}, Policy{}};
  CHECK(texts(secrets, SourceKind::GitHub).empty());  // not read yet
  const auto loaded = secrets.reload();
  CHECK(loaded.changed);
  CHECK(loaded.warnings.empty());
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"one", "two", "three"});
  CHECK(secrets.snapshot(SourceKind::GitHub)->about[1].scope == Scope{"acme", "sre"});
  CHECK(texts(secrets, SourceKind::Slack).empty());
  CHECK(texts(secrets, SourceKind::GitHub, "endpoint").empty());
}

TEST_CASE("values and files of a source add up, each with its scope; Slack's serve interactions too") {
  const Directory directory;
  directory.write("a", "from-a");
  directory.write("b", "from-b\nfrom-environment");
  std::vector<std::pair<SourceKind, crypto::Secret>> values;
  values.emplace_back(SourceKind::Slack, crypto::Secret{" from-environment\n"});
  Secrets secrets{
      {directory.file(SourceKind::Slack, "a", {"acme", ""}), directory.file(SourceKind::Slack, "b")},
      values,
      Policy{}};
  CHECK(secrets.reload().warnings.empty());
  CHECK(texts(secrets, SourceKind::Slack) == Texts{"from-environment", "from-a", "from-b"});
  CHECK(secrets.snapshot(SourceKind::Slack) == secrets.snapshot(SourceKind::SlackInteractions));
  CHECK(secrets.snapshot(SourceKind::Slack)->about[0].scope == Scope{});
  CHECK(secrets.snapshot(SourceKind::Slack)->about[1].scope == Scope{"acme", ""});
}

TEST_CASE("a secret is changed without a restart") {
  const Directory directory;
  directory.write("g", "old");
  Secrets secrets{{directory.file(SourceKind::GitHub, "g")}, {}, Policy{}};
  CHECK(secrets.reload().changed);
  CHECK_FALSE(secrets.reload().changed);
  const auto before = secrets.snapshot(SourceKind::GitHub);

  directory.write("g", "old\nnew");
  CHECK(secrets.reload().changed);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"old", "new"});
  CHECK(before->secrets.size() == 1);  // who holds one keeps it

  directory.write("g", "new");
  CHECK(secrets.reload().changed);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"new"});

  directory.write("g", "\n");
  CHECK(secrets.reload().changed);
  CHECK(texts(secrets, SourceKind::GitHub).empty());
}

TEST_CASE("a file that cannot be read keeps its secrets, and says so once") {
  const Directory directory;
  directory.write("g", "kept");
  Secrets secrets{{directory.file(SourceKind::GitHub, "g")}, {}, Policy{}};
  CHECK(secrets.reload().changed);
  directory.remove("g");
  const auto gone = secrets.reload();
  CHECK_FALSE(gone.changed);
  REQUIRE(gone.warnings.size() == 1);
  CHECK(gone.warnings[0].find("github (") == 0);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"kept"});
  CHECK(secrets.reload().warnings.empty());
  directory.write("g", "back");
  CHECK(secrets.reload().changed);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"back"});
  directory.write("g", std::string((64U << 10U) + 1, 'x'));
  CHECK(secrets.reload().warnings.size() == 1);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"back"});
}

TEST_CASE("a file that is not there yet is no reason not to start") {
  const Directory directory;
  Secrets secrets{{directory.file(SourceKind::GitHub, "later")}, {}, Policy{}};
  CHECK(secrets.reload().warnings.size() == 1);
  CHECK(texts(secrets, SourceKind::GitHub).empty());
  directory.write("later", "now");
  CHECK(secrets.reload().changed);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"now"});
}

TEST_CASE("one text in two scopes would say nothing about who sent: it is used for neither") {
  const Directory directory;
  directory.write("a", "shared\nown-a");
  directory.write("b", "own-b\nshared");
  directory.write("c", "shared");
  Secrets secrets{{directory.file(SourceKind::GitHub, "a", {"acme", ""}),
                   directory.file(SourceKind::GitHub, "b", {"globex", ""}),
                   directory.file(SourceKind::PagerDuty, "c", {"globex", ""})},
                  {},
                  Policy{}};
  const auto loaded = secrets.reload();
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(loaded.warnings[0].find("shared") == std::string::npos);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"own-a", "own-b"});
  CHECK(texts(secrets, SourceKind::PagerDuty) == Texts{"shared"});
  directory.write("b", "own-b");
  CHECK(secrets.reload().changed);
  CHECK(texts(secrets, SourceKind::GitHub) == Texts{"shared", "own-a", "own-b"});
}

TEST_CASE("a secret that its scheme cannot use is left out, with the line but without the text") {
  const Directory directory;
  Policy policy;
  policy.endpoints.push_back({.name = "standard", .scope = {"acme", ""}});
  policy.endpoints.push_back({.name = "hmac", .scope = {"acme", ""}, .standard_webhooks = false});
  const std::string good = "whsec_" + crypto::to_base64(std::string(24, 'k'));
  directory.write("s", good + "\nhunter2\n");
  Secrets secrets{{directory.file(SourceKind::Generic, "s", {"acme", ""}, "standard"),
                   directory.file(SourceKind::Generic, "s", {"acme", ""}, "hmac")},
                  {},
                  policy};
  const auto loaded = secrets.reload();
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(loaded.warnings[0].find("generic/standard") == 0);
  CHECK(loaded.warnings[0].find("line 2 ") != std::string::npos);
  CHECK(loaded.warnings[0].find("hunter2") == std::string::npos);
  CHECK(texts(secrets, SourceKind::Generic, "standard") == Texts{good});
  CHECK(texts(secrets, SourceKind::Generic, "hmac") == Texts{good, "hunter2"});
}

TEST_CASE("a secret's id names it and is not it") {
  std::vector<std::pair<SourceKind, crypto::Secret>> values;
  values.emplace_back(SourceKind::GitHub, crypto::Secret{"hunter2"});
  Secrets secrets{{}, values, Policy{}};
  secrets.reload();
  // printf secret-id:hunter2 | sha256sum | cut -c -8
  CHECK(secrets.snapshot(SourceKind::GitHub)->about[0].id == "1ef3a459");
}

TEST_CASE("requests are served while secrets are reloaded") {
  const Directory directory;
  directory.write("g", "one\ntwo");
  Secrets secrets{{directory.file(SourceKind::GitHub, "g")}, {}, Policy{}};
  secrets.reload();
  std::atomic<bool> whole{true};
  {
    const std::jthread reader{[&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto set = secrets.snapshot(SourceKind::GitHub);
        if (set->secrets.size() != 2 || set->about.size() != 2) whole = false;
      }
    }};
    for (int i = 0; i < 50; ++i) {
      directory.write("g", "one\n" + std::to_string(i));
      CHECK(secrets.reload().changed);
    }
  }
  CHECK(whole);
}

}  // namespace
}  // namespace tp::gateway
