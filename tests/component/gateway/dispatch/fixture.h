#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "../fake_service.h"
#include "../inbox/fixture.h"
#include "base/mutex.h"
#include "gateway/dispatch/dispatcher.h"
#include "gateway/dispatch/interactions.h"
#include "gateway/dispatch/notifier.h"
#include "gateway/dispatch/resolver.h"
#include "gateway/dispatch/router.h"
#include "gateway/dispatch/settler.h"
#include "http/client.h"
#include "support/catch.h"

namespace tp::gateway::test {

// A Slack mention in a channel, as the ingest stores it.
inline NewEvent slack_mention(const std::string& id,
                              const std::string& channel = "C1",
                              const std::string& text = "<@UBOT> why is checkout slow?") {
  const nlohmann::json body{{"type", "event_callback"},
                            {"team_id", "T1"},
                            {"event_id", id},
                            {"authorizations", {{{"team_id", "T1"}, {"user_id", "UBOT"}, {"is_bot", true}}}},
                            {"event",
                             {{"type", "app_mention"},
                              {"user", "U1"},
                              {"text", text},
                              {"ts", "1768000000.0001"},
                              {"channel", channel}}}};
  NewEvent event = new_event(id, body.dump());
  event.source = SourceKind::Slack;
  event.kind = "app_mention";
  event.headers.clear();
  return event;
}

// The whole worker over a real database and a played platform: the team "sre" of "acme" has the channel C1.
class WorkerFixture : public Fixture {
 public:
  explicit WorkerFixture(Dispatcher::Settings settings = default_settings())
      : config_([this](const http::Request& request) { return config_service(request); }),
        agent([](const http::Request& /*request*/) { return answer(200, R"({"success":true})"); }),
        slack([](const http::Request& /*request*/) { return answer(200, R"({"ok":true})"); }),
        service(config_, token_, db.clock()),
        directory(service, db.clock()),
        slack_api_(slack, crypto::Secret{"xoxb"}, db.clock()),
        responses_({{"https://hooks.slack.com", &slack}}, db.clock()),
        inbox(worker()),
        notifier(service, &slack_api_, db.clock(), no_log()),
        interactions_(service, &slack_api_, responses_, no_log()),
        settler(
            inbox, [] {}, db.clock(), rng, registry, no_log()),
        dispatcher(
            std::move(settings),
            [this](const std::string& url) -> Result<std::unique_ptr<http::HttpClient>> {
              agents.push_back(url);
              return std::unique_ptr<http::HttpClient>{std::make_unique<Borrowed>(agent)};
            },
            inbox,
            directory,
            nullptr,
            notifier,
            settler,
            policy,
            db.clock(),
            rng,
            registry,
            no_log()),
        router(
            {}, inbox, directory, interactions_, notifier, settler, policy, [] {}, db.clock(), rng, no_log()),
        resolver(inbox, service, notifier, settler, policy, db.clock(), rng, no_log()) {}

  static Dispatcher::Settings default_settings() {
    Dispatcher::Settings settings;
    settings.team = kRoomOnly;
    settings.urls.shared = "http://agent";
    return settings;
  }

  // Everything that can be done now. What is due later is not waited for.
  void settle() {
    must(settler.drain(ctx()));
    while (must(router.step(ctx(), Lane::Normal)) || must(router.step(ctx(), Lane::Interactive)) ||
           must(dispatcher.step(ctx())) || must(resolver.step(ctx()))) {
      must(settler.drain(ctx()));
    }
    must(settler.drain(ctx()));
  }
  // As if its time had come.
  void make_due(const EventId& id) {
    db.run("UPDATE orchestrator.inbox SET due_at = now() WHERE id = $1::uuid",
           postgres::Params{}.add(id.view()));
    db.run("UPDATE orchestrator.team_queues SET next_due = now()");
  }
  // Stores an event and does what can be done; its id.
  EventId handle(NewEvent event) {
    const std::string provider_id = event.provider_id;
    put(std::move(event));
    settle();
    return id_of(provider_id);
  }
  // Outcomes of an event's attempts, in order, separated by spaces.
  std::string attempts_of(const EventId& id) {
    return db.value(
        "SELECT coalesce(string_agg(outcome, ' ' ORDER BY n), '') FROM orchestrator.attempts WHERE event_id "
        "= $1::uuid",
        postgres::Params{}.add(id.view()));
  }
  // Waits for the notifier's thread.
  bool told_slack(std::string_view part) {
    return eventually([&] { return slack.count(part) > 0; });
  }
  static bool eventually(const std::function<bool()>& condition) {
    Mutex m;
    CondVar never;
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      const MutexLock lock{m};
      static_cast<void>(never.wait_for(m, {}, std::chrono::milliseconds{10}, [] { return false; }));
    }
    return false;
  }

  http::Exchange config_service(const http::Request& request) {
    const auto is = [&](std::string_view part) { return request.target.find(part) != std::string::npos; };
    if (config_away) return not_connected();
    if (is("/routing/lookup")) {
      const auto channel =
          nlohmann::json::parse(request.body)["identifiers"].value("slack_channel_id", std::string{});
      if (channel != "C1")
        return answer(200, R"({"found":false,"org_id":null,"team_node_id":null,"tried":[]})");
      return answer(200,
                    R"({"found":true,"org_id":"acme","team_node_id":"sre","tried":["slack_channel_id"]})");
    }
    if (is("/impersonation-token")) {
      return answer(200,
                    R"({"token":"t)" + std::to_string(++tokens) + R"(","expires_at":"2099-01-01T00:00:00"})");
    }
    if (is("/config/me")) {
      return answer(
          200, nlohmann::json{{"effective_config", {{"agent", {{"dedicated_service_url", dedicated_url}}}}}}
                   .dump());
    }
    if (is("/unified-audit")) return answer(200, audit);
    if (is("/tool-calls")) return answer(200, R"({"tool_calls":[],"total":0})");
    return answer(200);
  }

 private:
  FakeService config_;
  NoToken token_;

 public:
  // What the Config Service answers.
  std::atomic<bool> config_away{false};
  std::atomic<int> tokens{0};
  std::string dedicated_url;
  std::string audit = R"({"events":[],"has_more":false})";

  FakeService agent;
  FakeService slack;
  std::vector<std::string> agents;  // that a client was made for
  Policy policy;
  ConfigService service;
  Directory directory;

 private:
  SlackApi slack_api_;
  SlackResponses responses_;

 public:
  Inbox& inbox;
  Notifier notifier;

 private:
  Interactions interactions_;

 public:
  Settler settler;
  Dispatcher dispatcher;
  Router router;
  Resolver resolver;

  [[nodiscard]] FakeService& config() noexcept { return config_; }
};

}  // namespace tp::gateway::test
