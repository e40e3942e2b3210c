#include <map>
#include <string>

#include "gateway/policy/secrets.h"
#include "support/catch.h"

namespace tp::gateway {
namespace {

Result<EnvironmentSecrets> read(const std::map<std::string, std::string>& environment) {
  return environment_secrets([&](const char* name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  });
}

TEST_CASE("the former names give secrets, and with _FILE files, for the whole platform") {
  const auto found = read({{"SLACK_SIGNING_SECRET", "s"},
                           {"GITHUB_WEBHOOK_SECRET", "g"},
                           {"PAGERDUTY_WEBHOOK_SECRET_FILE", "/p"},
                           {"INCIDENTIO_WEBHOOK_SECRET_FILE", "/i"},
                           {"CIRCLEBACK_SIGNING_SECRET", "c"},
                           {"CIRCLEBACK_SIGNING_SECRET_FILE", ""},
                           {"PROBE_WEBHOOK_SECRET", "w"}});
  REQUIRE(found);
  REQUIRE(found->values.size() == 4);
  CHECK(found->values[0].first == SourceKind::Slack);
  CHECK(found->values[0].second.reveal() == "s");
  CHECK(found->values[1].first == SourceKind::GitHub);
  CHECK(found->values[2].first == SourceKind::Circleback);
  CHECK(found->values[3].first == SourceKind::Probe);
  REQUIRE(found->files.size() == 2);
  CHECK(found->files[0].source == SourceKind::PagerDuty);
  CHECK(found->files[0].path == "/p");
  CHECK(found->files[0].scope == Scope{});
  CHECK(found->files[1].source == SourceKind::IncidentIo);
}

TEST_CASE("an empty environment has none, and a secret is not given both ways") {
  const auto none = read({{"SLACK_SIGNING_SECRET", ""}});
  REQUIRE(none);
  CHECK((none->values.empty() && none->files.empty()));
  const auto both = read({{"GITHUB_WEBHOOK_SECRET", "hunter2"}, {"GITHUB_WEBHOOK_SECRET_FILE", "/g"}});
  REQUIRE_FALSE(both);
  CHECK(both.error().message == "GITHUB_WEBHOOK_SECRET and GITHUB_WEBHOOK_SECRET_FILE are both set");
}

TEST_CASE("every source has a scheme") {
  for (const auto& [source, name] : kSourceNames) {
    CAPTURE(name);
    CHECK_FALSE(scheme_of(source, nullptr).check_secret(crypto::Secret{}));
  }
  CHECK(&scheme_of(SourceKind::SlackInteractions, nullptr) == &scheme_of(SourceKind::Slack, nullptr));
  Endpoint endpoint;
  CHECK(&scheme_of(SourceKind::Generic, &endpoint) == &standard_webhooks());
  endpoint.standard_webhooks = false;
  CHECK(&scheme_of(SourceKind::Generic, &endpoint) == &generic_hmac());
}

}  // namespace
}  // namespace tp::gateway
