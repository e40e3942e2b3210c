#include "gateway/probe/probe.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gateway/signatures/scheme.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/script_http_client.h"

// Against a gateway of given answers; tests/e2e/gateway has the real one.
namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using End = test::ScriptHttpClient::End;

constexpr auto kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr auto kId = "probe_1";
constexpr auto kEvent = "019b7606-5400-7000-8000-000000000001";

bool is_open(const std::string& state) { return state != "done" && state != "dead"; }

Json event(const std::string& state, const std::string& reason, bool has_run = false) {
  return {{"id", kEvent},
          {"provider_id", kId},
          {"state", state},
          {"reason", reason.empty() ? Json{} : Json(reason)},
          {"received_at", "2026-01-01T00:00:00.100000Z"},
          {"started_at", has_run ? Json("2026-01-01T00:00:00.150000Z") : Json{}},
          {"finished_at", is_open(state) ? Json{} : Json("2026-01-01T00:00:01.150000Z")}};
}

class Gateway {
 public:
  ProbeReport probe(bool with_admin = true) {
    const ProbeTarget target{.webhooks = webhooks,
                             .secret = crypto::Secret{kSecret},
                             .admin = with_admin ? &admin : nullptr,
                             .admin_token = crypto::Secret{"hunter2"}};
    const Context ctx{stop.get_token(), clock.now() + milliseconds{limit}, {}};
    ProbeReport report = gateway::probe(ctx, target, kId, clock);
    CHECK(admin.problems().empty());
    CHECK(webhooks.problems().empty());
    for (const std::string& text : {to_text(report), to_json(report)}) {
      CHECK(text.find("hunter2") == std::string::npos);
      CHECK(text.find("whsec_") == std::string::npos);
    }
    return report;
  }
  void accepts(int status = 202, const std::string& body = R"({"ok":true})") {
    webhooks.add({"/webhooks/probe"}, {.status = status, .chunks = {body}});
  }
  void lists(const Json& events) {
    admin.add({"/api/v1/admin/events?source=probe&", "from=2025-12-31T23%3A55%3A00Z"},
              {.chunks = {Json{{"events", events}, {"next_cursor", nullptr}}.dump()}});
  }
  void shows(const Json& event) {
    admin.add({std::string{"/api/v1/admin/events/"} + kEvent}, {.chunks = {event.dump()}});
  }

  test::FakeClock clock;
  std::stop_source stop;
  milliseconds limit{60'000};
  test::ScriptHttpClient webhooks, admin;
};

TEST_CASE("probe: a signed webhook is followed to its end", "[probe]") {
  Gateway gateway;
  gateway.accepts();
  gateway.lists(Json::array());
  gateway.lists(Json::array({event("received", ""), Json{{"id", "another"}, {"provider_id", "probe_2"}}}));
  gateway.shows(event("running", "", true));
  gateway.shows(event("done", "finished", true));
  const ProbeReport report = gateway.probe();
  CHECK(report.problem.empty());
  CHECK(report.waited == milliseconds{50});
  CHECK(report.ran == milliseconds{1000});
  CHECK(to_text(report) == std::string{"ok: accepted in 0 ms, waited 50 ms, ran 1000 ms, event "} + kEvent +
                               " done (finished), 0 ms in all\n");
  CHECK(Json::parse(to_json(report)) == Json{{"ok", true},
                                             {"webhook_id", kId},
                                             {"event", kEvent},
                                             {"state", "done"},
                                             {"reason", "finished"},
                                             {"accepted_ms", 0},
                                             {"waited_ms", 50},
                                             {"run_ms", 1000},
                                             {"total_ms", 0},
                                             {"problem", nullptr}});

  const http::Request sent = gateway.webhooks.requests().front();
  const std::vector<crypto::Secret> secrets{crypto::Secret{kSecret}};
  CHECK(standard_webhooks().verify({sent.headers, sent.body, gateway.clock.wall_now()}, secrets).verdict ==
        Verdict::Verified);
  CHECK(gateway.webhooks.requests().size() == 1);
  CHECK(gateway.admin.requests().front().headers.find("Authorization") == "Bearer hunter2");
}

TEST_CASE("probe: one that no agent is asked for has waited until its end", "[probe]") {
  Gateway gateway;
  gateway.accepts();
  gateway.lists(Json::array({event("done", "probed")}));
  gateway.shows(event("done", "probed"));
  const ProbeReport report = gateway.probe();
  CHECK(report.problem.empty());
  CHECK(report.waited == milliseconds{1050});
  CHECK_FALSE(report.ran);
}

TEST_CASE("probe: without an admin API it ends when the event is stored", "[probe]") {
  Gateway gateway;
  gateway.accepts();
  const ProbeReport report = gateway.probe(false);
  CHECK(to_text(report) == "ok: accepted in 0 ms, 0 ms in all\n");
  CHECK(gateway.admin.requests().empty());
}

TEST_CASE("probe: what is wrong is said, and nothing is sent again", "[probe]") {
  Gateway gateway;
  SECTION("the signature") {
    gateway.accepts(401, R"({"detail":"signature_verification_failed: bad_signature"})");
    CHECK(gateway.probe().problem ==
          "the webhook was answered 401: signature_verification_failed: bad_signature");
  }
  SECTION("somebody else's answer") {
    gateway.accepts(502, "<html>\x1b[31m");
    CHECK(gateway.probe().problem == "the webhook was answered 502");
  }
  SECTION("no answer") {
    gateway.webhooks.add({}, {.end = End::Refuse});
    CHECK(gateway.probe().problem == "the webhook got no answer: connection refused");
  }
  SECTION("an event that found no way") {
    gateway.accepts();
    gateway.lists(Json::array({event("dead", "http_500")}));
    gateway.shows(event("dead", "http_500"));
    CHECK(to_text(gateway.probe()).starts_with("failed: it was not run; accepted in 0 ms, "));
  }
  SECTION("an agent that failed") {
    gateway.accepts();
    gateway.lists(Json::array({event("done", "failed", true)}));
    gateway.shows(event("done", "failed", true));
    CHECK(gateway.probe().problem == "its agent says that the run has failed");
  }
  SECTION("a token that may not") {
    gateway.accepts();
    gateway.admin.add({}, {.status = 403});
    CHECK(gateway.probe().problem ==
          "what became of it is not known: admin API: GET /api/v1/admin/events: 403");
  }
  SECTION("an answer of something else") {
    gateway.accepts();
    gateway.admin.add({}, {.chunks = {R"({"events":{}})"}});
    CHECK(gateway.probe().problem ==
          "what became of it is not known: the admin API's answer is no list of events");
  }
  SECTION("an event of another form") {
    gateway.limit = milliseconds{0};
    gateway.accepts();
    gateway.lists(Json::array({Json{{"provider_id", kId}, {"id", 7}}, 7}));
    CHECK(gateway.probe().problem == "the admin API does not know it");
  }
  SECTION("an event that nobody knows until the time is over") {
    gateway.limit = milliseconds{0};
    gateway.accepts();
    gateway.lists(Json::array());
    CHECK(gateway.probe().problem == "the admin API does not know it");
  }
  SECTION("an event that waits until the time is over") {
    gateway.limit = milliseconds{0};
    gateway.accepts();
    gateway.lists(Json::array({event("ready", "agent_breaker")}));
    gateway.shows(event("ready", "agent_breaker"));
    CHECK(to_text(gateway.probe()) == "failed: it has not come to its end; accepted in 0 ms, event " +
                                          std::string{kEvent} + " ready (agent_breaker), 0 ms in all\n");
  }
  CHECK(gateway.webhooks.requests().size() == 1);
}

TEST_CASE("probe: an admin API that is away for a moment is asked again", "[probe]") {
  Gateway gateway;
  gateway.accepts();
  gateway.admin.add({}, {.status = 503});
  gateway.admin.add({}, {.end = End::Cut});
  gateway.lists(Json::array({event("done", "probed")}));
  gateway.admin.add({}, {.status = 404});  // between two tables
  gateway.shows(event("done", "probed"));
  CHECK(gateway.probe().problem.empty());
}

}  // namespace
}  // namespace tp::gateway
