#include "provisioner/reconcile/execute.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "http/client.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/teams.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;
using test::a_team;
using test::dedicated;
using test::scheduled;
using Strings = std::vector<std::string>;

// Answers each request by a function of the test's and remembers "METHOD /path body".
class Api final : public http::HttpClient {
 public:
  using Answer = std::function<Result<http::Response>(const http::Request&)>;

  [[nodiscard]] Result<http::Response> send(const Context& /*ctx*/, const http::Request& request) override {
    const std::string path = request.target.substr(0, request.target.find('?'));
    seen.push_back(std::string{to_string(request.method)} + " " + path.substr(path.rfind('/') + 1));
    bodies.push_back(request.body.empty() ? Json{} : Json::parse(request.body));
    return answer(request);
  }

  void start(const Context& ctx, http::Request request, std::function<void(http::Exchange)> done) override {
    done({send(ctx, request), true});
  }

  [[nodiscard]] Status stream(const Context& /*ctx*/,
                              const http::Request& /*request*/,
                              http::ResponseSink& /*sink*/) override {
    return Error{ErrorCode::Internal, "nothing here streams"};
  }

  Answer answer;
  Strings seen;
  std::vector<Json> bodies;
};

http::Response status(int code, const std::string& reason) {
  return {code,
          {},
          Json{{"kind", "Status"},
               {"apiVersion", "v1"},
               {"status", "Failure"},
               {"code", code},
               {"reason", reason},
               {"message", reason}}
              .dump()};
}

// What a server makes of an apply: the object with uid and resourceVersion.
http::Response stored(const http::Request& request, int code = 201) {
  Json object = Json::parse(request.body);
  object["metadata"]["uid"] = "uid-stored";
  object["metadata"]["resourceVersion"] = "300";
  return {code, {}, object.dump()};
}

struct Fixture {
  test::FakeClock clock;
  log::Sink sink{clock, -1, log::Level::Error, log::Format::Json};
  log::Logger log{sink, "test"};
  Api http;
  kube::ApiClient api{http, http, clock};
  BuildContext build{};
  Caches caches{{}, build};
  Executor executor{api, caches};

  Outcome run(const Team& team, std::vector<Action> actions) {
    return executor.run(Context{}, team, Plan{.actions = std::move(actions)}, log);
  }

  [[nodiscard]] ApplyChild apply(const Team& team, std::string uid = {}, bool adopt = false) const {
    const auto state = desired_state(team, build, default_layout(team));
    return {state.children.front().slot, state.children.front().object, std::move(uid), adopt};
  }
};

const Team& scheduled_team() {
  static const Team kTeam = scheduled(a_team());
  return kTeam;
}

Json live_cron_job(const std::string& uid, const std::string& manager, const std::string& owner_uid) {
  Json object{{"apiVersion", "batch/v1"},
              {"kind", "CronJob"},
              {"metadata",
               {{"name", "ai-pipeline-acme-checkout"},
                {"namespace", "incidentfox"},
                {"uid", uid},
                {"resourceVersion", "9"},
                {"labels", {{"app.kubernetes.io/managed-by", manager}}},
                {"managedFields", Json::array({{{"manager", "kubectl-edit"},
                                                {"operation", "Update"},
                                                {"fieldsV1", {{"f:spec", Json::object()}}}}})}}}};
  if (!owner_uid.empty()) {
    object["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "incidentfox.io/v1alpha1"},
                                                          {"kind", "TeamProvisioning"},
                                                          {"uid", owner_uid},
                                                          {"controller", true}}});
  }
  return object;
}

TEST_CASE("execute: a create says that nothing may be there, and its answer is in the cache at once",
          "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& request) { return stored(request); };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team())});
  CHECK(outcome.errors.empty());
  CHECK(outcome.writes == 1);
  CHECK(f.http.seen == Strings{"PATCH ai-pipeline-acme-checkout"});
  CHECK(f.http.bodies.at(0).at("metadata").at("resourceVersion") == "1");
  CHECK_FALSE(f.http.bodies.at(0).at("metadata").contains("uid"));
  const auto child =
      f.caches.children(kube::kCronJobs, "incidentfox").get({"incidentfox", "ai-pipeline-acme-checkout"});
  REQUIRE(child);
  CHECK(child->meta.uid == "uid-stored");
}

TEST_CASE("execute: an update names the uid that was seen", "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& request) { return stored(request, 200); };
  CHECK(f.run(scheduled_team(), {f.apply(scheduled_team(), "uid-seen")}).errors.empty());
  CHECK(f.http.bodies.at(0).at("metadata").at("uid") == "uid-seen");
  CHECK_FALSE(f.http.bodies.at(0).at("metadata").contains("resourceVersion"));
}

TEST_CASE("execute: where a stranger has the name nothing is written", "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& request) -> Result<http::Response> {
    if (request.method == http::Method::Get)
      return http::Response{200, {}, live_cron_job("uid-x", "Helm", "").dump()};
    return status(409, "Conflict");
  };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team())});
  CHECK(f.http.seen == Strings{"PATCH ai-pipeline-acme-checkout", "GET ai-pipeline-acme-checkout"});
  REQUIRE(outcome.stalls.size() == 1);
  CHECK(outcome.stalls.front().reason == "Conflict");
  // Nobody tells us when the stranger goes: another look is due. That is no error.
  CHECK(outcome.errors.empty());
  CHECK(outcome.again == std::chrono::seconds{15});
  CHECK(outcome.written.empty());
}

TEST_CASE("execute: a child of ours whose labels were stripped is recognised and written to by its uid",
          "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& request) -> Result<http::Response> {
    if (request.method == http::Method::Get)
      return http::Response{200, {}, live_cron_job("uid-x", "", scheduled_team().meta.uid).dump()};
    const Json body = Json::parse(request.body);
    if (body.is_array()) return http::Response{200, {}, live_cron_job("uid-x", "", "").dump()};
    return body.at("metadata").contains("uid") ? stored(request, 200) : status(409, "Conflict");
  };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team())});
  CHECK(outcome.errors.empty());
  CHECK(outcome.stalls.empty());
  CHECK(f.http.bodies.back().at("metadata").at("uid") == "uid-x");
}

TEST_CASE("execute: adopting first takes over the former manager's fields, guarded, and then applies",
          "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& request) -> Result<http::Response> {
    if (request.method == http::Method::Get)
      return http::Response{200, {}, live_cron_job("uid-old", "incidentfox-orchestrator", "").dump()};
    if (Json::parse(request.body).is_array())
      return http::Response{200, {}, live_cron_job("uid-old", "", "").dump()};
    return stored(request, 200);
  };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team(), "uid-old", true)});
  CHECK(outcome.errors.empty());
  CHECK(f.http.seen == Strings{"GET ai-pipeline-acme-checkout", "PATCH ai-pipeline-acme-checkout",
                               "PATCH ai-pipeline-acme-checkout"});
  CHECK(f.http.bodies.at(1).at(0) == Json{{"op", "test"}, {"path", "/metadata/uid"}, {"value", "uid-old"}});
}

TEST_CASE("execute: when the name belongs to another object by now, adopting does nothing", "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& /*request*/) {
    return http::Response{200, {}, live_cron_job("uid-new", "", "").dump()};
  };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team(), "uid-old", true)});
  CHECK(f.http.seen == Strings{"GET ai-pipeline-acme-checkout"});
  REQUIRE(outcome.errors.size() == 1);
  CHECK(outcome.errors.front().code == ErrorCode::Conflict);
}

TEST_CASE("execute: what a hand edit made contradictory is taken over and applied again, once", "[execute]") {
  Fixture f;
  bool taken = false;
  f.http.answer = [&](const http::Request& request) -> Result<http::Response> {
    if (request.method == http::Method::Get)
      return http::Response{200, {}, live_cron_job("uid-seen", "team-operator", "").dump()};
    if (Json::parse(request.body).is_array()) {
      taken = true;
      return http::Response{200, {}, live_cron_job("uid-seen", "", "").dump()};
    }
    return taken ? stored(request, 200) : status(422, "Invalid");
  };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team(), "uid-seen")});
  CHECK(outcome.stalls.empty());
  CHECK(outcome.errors.empty());
  CHECK(taken);
}

TEST_CASE(
    "execute: an object that the API server refuses for good stalls the team and does not stop the others",
    "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& request) -> Result<http::Response> {
    if (request.target.find("cronjobs") != std::string::npos) return status(422, "Invalid");
    return stored(request);
  };
  const Team team = dedicated(scheduled(a_team()));
  std::vector<Action> actions;
  for (const DesiredChild& child : desired_state(team, f.build, default_layout(team)).children) {
    actions.emplace_back(ApplyChild{child.slot, child.object, {}});
  }
  const Outcome outcome = f.run(team, std::move(actions));
  REQUIRE(outcome.stalls.size() == 1);
  CHECK(outcome.stalls.front().reason == "Rejected");
  CHECK(outcome.stalls.front().message.find("CronJob incidentfox/ai-pipeline-acme-checkout") !=
        std::string::npos);
  CHECK(f.http.seen.size() == 3);
}

TEST_CASE("execute: when the server is away the rest of the plan waits", "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& /*request*/) -> Result<http::Response> {
    return Error{ErrorCode::Unavailable, "connection refused"};
  };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team()), f.apply(scheduled_team())});
  CHECK(f.http.seen.size() == 1);
  REQUIRE(outcome.errors.size() == 1);
  CHECK(outcome.errors.front().code == ErrorCode::Unavailable);
}

TEST_CASE("execute: a server that asks for patience is asked nothing more, and for how long is passed on",
          "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& /*request*/) -> Result<http::Response> {
    http::Response busy = status(429, "TooManyRequests");
    busy.headers = {{"Retry-After", "17"}};
    return busy;
  };
  const Outcome outcome = f.run(scheduled_team(), {f.apply(scheduled_team()), f.apply(scheduled_team())});
  CHECK(f.http.seen.size() == 1);
  REQUIRE(outcome.errors.size() == 1);
  CHECK(outcome.errors.back().code == ErrorCode::ResourceExhausted);
  CHECK(outcome.errors.back().retry_after == std::chrono::seconds{17});
}

TEST_CASE("execute: a delete has a uid precondition; gone or another object is as good", "[execute]") {
  for (const int code : {200, 404, 409}) {
    Fixture f;
    f.http.answer = [code](const http::Request& /*request*/) {
      return code == 200 ? http::Response{200, {}, "{}"}
                         : status(code, code == 404 ? "NotFound" : "Conflict");
    };
    const Outcome outcome =
        f.run(scheduled_team(), {DeleteChild{Slot::PipelineCronJob, {"incidentfox", "c"}, "uid-seen"}});
    CHECK(outcome.errors.empty());
    CHECK(f.http.seen == Strings{"DELETE c"});
    CHECK(f.http.bodies.at(0).at("preconditions").at("uid") == "uid-seen");
  }
}

TEST_CASE("execute: a ServiceAccount that somebody else made first is good enough", "[execute]") {
  Fixture f;
  f.http.answer = [](const http::Request& /*request*/) { return status(409, "Conflict"); };
  const Outcome outcome =
      f.run(scheduled_team(), {CreateServiceAccount{service_account("incidentfox", "ai-pipeline")}});
  CHECK(outcome.errors.empty());
  CHECK(f.http.bodies.at(0).at("metadata").at("resourceVersion") == "1");
}

TEST_CASE("execute: the finalizer stays until everything is released", "[execute]") {
  Team team = scheduled_team();
  team.finalizer_index = 1;
  const std::vector<Action> actions{ReleaseChild{Slot::PipelineCronJob, {"incidentfox", "c"}, "uid-c"},
                                    RemoveFinalizer{}};
  Fixture failing;
  failing.http.answer = [](const http::Request& /*request*/) { return status(500, "InternalError"); };
  CHECK(failing.run(team, actions).errors.size() == 1);
  CHECK(failing.http.seen == Strings{"GET c"});

  Fixture f;
  f.http.answer = [&](const http::Request& request) -> Result<http::Response> {
    if (request.method == http::Method::Get)
      return http::Response{200, {}, live_cron_job("uid-c", "", team.meta.uid).dump()};
    return http::Response{200, {}, live_cron_job("uid-c", "", "").dump()};
  };
  CHECK(f.run(team, actions).errors.empty());
  CHECK(f.http.seen == Strings{"GET c", "PATCH c", "PATCH checkout"});
  CHECK(f.http.bodies.back().at(1) ==
        Json{{"op", "test"}, {"path", "/metadata/finalizers/1"}, {"value", domain::kFinalizer}});
}

}  // namespace
}  // namespace tp::provisioner
