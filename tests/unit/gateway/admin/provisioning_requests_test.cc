#include "gateway/admin/provisioning_requests.h"

#include <nlohmann/json.hpp>

#include "gateway/admin/provisioning_events.h"
#include "support/catch.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

const Json kIds{{"org_id", "acme"}, {"team_node_id", "checkout"}};

Json with(const Json& more) {
  Json body = kIds;
  body.update(more);
  return body;
}

ProvisioningRequest provision(const Json& more) {
  Fields fields{with(more).dump()};
  ProvisioningRequest request = provision_request(fields);
  const auto refusal = fields.refusal();
  INFO((refusal ? refusal->body : ""));
  CHECK_FALSE(refusal);
  return request;
}

// The fields that are wrong.
template <class F>
std::vector<std::string> wrong(F&& read, const Json& body) {
  Fields fields{body.dump()};
  static_cast<void>(read(fields));
  std::vector<std::string> names;
  if (const auto refusal = fields.refusal()) {
    CHECK(refusal->status == 422);
    const Json said = Json::parse(refusal->body);
    for (const Json& problem : said.at("detail")) names.push_back(problem.at("loc").back());
  }
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("provision request: what is absent is no edit, what is null removes, what is empty is a value") {
  CHECK(provision(Json::object()).edits.empty());
  CHECK(provision(
            {{"slack_channel_ids", nullptr}, {"pipeline_schedule", nullptr}, {"deployment_mode", nullptr}})
            .edits == std::vector<Edit>{{{"spec", "routing", "slackChannelIds"}, nullptr},
                                        {{"spec", "pipeline", "schedule"}, nullptr},
                                        {{"spec", "runtime", "mode"}, nullptr}});
  const auto request = provision({{"slack_channel_ids", Json::array()}, {"deployment_mode", "dedicated"}});
  CHECK(request.edits == std::vector<Edit>{{{"spec", "routing", "slackChannelIds"}, Json::array()},
                                           {{"spec", "runtime", "mode"}, "Dedicated"}});
  CHECK(request.channels.empty());
  CHECK(provision({{"slack_channel_ids", {"C1", "C2"}}}).channels == Names{"C1", "C2"});
  CHECK(provision({{"idempotency_key", "k"}, {"unknown", 1}}).key == "k");
}

TEST_CASE("provision request: the resource's rules, under the names of the body") {
  CHECK(wrong(provision_request, Json::object()) == Names{"org_id", "team_node_id"});
  CHECK(wrong(provision_request, with({{"deployment_mode", "banana"}})) == Names{"deployment_mode"});
  CHECK(wrong(provision_request, with({{"pipeline_schedule", "not cron"}})) == Names{"pipeline_schedule"});
  CHECK(wrong(provision_request, with({{"pipeline_schedule", 7}})) == Names{"pipeline_schedule"});
  CHECK(wrong(provision_request, with({{"team_node_id", "../x"}})) == Names{"team_node_id"});
  CHECK(wrong(provision_request, with({{"org_id", ".."}})) == Names{"org_id"});
  CHECK(wrong(provision_request, with({{"slack_channel_ids", {"C1", "C1"}}})) == Names{"slack_channel_ids"});
  CHECK_FALSE(wrong(provision_request, with({{"slack_channel_ids", {" "}}})).empty());
  CHECK(wrong(provision_request, with({{"idempotency_key", std::string(129, 'k')}})) ==
        Names{"idempotency_key"});
}

TEST_CASE("schedules request: each field by itself") {
  Fields fields{with({{"pipeline_schedule", "0 2 * * *"},
                      {"time_zone", "Europe/Berlin"},
                      {"suspend", true},
                      {"dependency_discovery_schedule", nullptr}})
                    .dump()};
  CHECK(schedules_request(fields).edits ==
        std::vector<Edit>{{{"spec", "pipeline", "schedule"}, "0 2 * * *"},
                          {{"spec", "pipeline", "timeZone"}, "Europe/Berlin"},
                          {{"spec", "pipeline", "suspend"}, true},
                          {{"spec", "dependencyDiscovery", "schedule"}, nullptr}});
  CHECK_FALSE(fields.refusal());
  CHECK(wrong(schedules_request, with({{"dependency_discovery_schedule", "x"}})) ==
        Names{"dependency_discovery_schedule"});
}

TEST_CASE("deprovision request: the policy changes only where the body says so") {
  const auto read = [](const Json& more) {
    Fields fields{with(more).dump()};
    const DeprovisionRequest asked = deprovision_request(fields);
    CHECK_FALSE(fields.refusal());
    return asked;
  };
  CHECK(read(Json::object()).request.edits.empty());
  CHECK_FALSE(read(Json::object()).dry_run);
  CHECK(read({{"delete_k8s_resources", true}}).request.edits ==
        std::vector<Edit>{{{"spec", "deletionPolicy", "children"}, "Delete"}});
  const auto keep = read({{"delete_k8s_resources", false}, {"delete_team_config", true}, {"dry_run", true}});
  CHECK(keep.request.edits == std::vector<Edit>{{{"spec", "deletionPolicy", "children"}, "Orphan"},
                                                {{"spec", "deletionPolicy", "config"}, "Clear"}});
  CHECK((keep.orphan && keep.clear && keep.dry_run));
  CHECK(wrong([](Fields& fields) { return deprovision_request(fields).request; },
              with({{"dry_run", "yes"}})) == Names{"dry_run"});
}

TEST_CASE("wait: up to a minute") {
  CHECK(wait_of("/x").value_or(std::chrono::seconds{-1}).count() == 30);
  CHECK(wait_of("/x?wait=0").value_or(std::chrono::seconds{-1}).count() == 0);
  CHECK(wait_of("/x?wait=60").value_or(std::chrono::seconds{-1}).count() == 60);
  for (const char* const bad : {"/x?wait=61", "/x?wait=-1", "/x?wait=", "/x?wait=1s", "/x?wait=1&wait=2"})
    CHECK(wait_of(bad).error().code == ErrorCode::InvalidArgument);
}

// ---------------------------------------------------------------- events

Policy policy(const std::string& org = "acme", const std::string& team = {}) {
  Policy policy;
  policy.endpoints.push_back(
      {.name = "teams", .kind = EndpointKind::Provisioning, .scope = {org, team}, .event_type = "/type"});
  policy.endpoints.push_back({.name = "alerts", .scope = {org, team}});
  return policy;
}

StoredEvent event(const Json& body, const std::string& kind = "provisioning.requested") {
  return {.id = EventId{"e1"},
          .source = SourceKind::Generic,
          .endpoint = "teams",
          .kind = kind,
          .body = body.dump()};
}

ErrorCode refused(const StoredEvent& stored, const Policy& its_policy = policy()) {
  const auto request = provisioning_request_of(stored, its_policy);
  return request ? ErrorCode::Internal : request.error().code;
}

TEST_CASE("provisioning event: the fields of the admin API, once for each event") {
  const Json fields = with({{"deployment_mode", "dedicated"}});
  for (const Json& body : {fields, Json{{"type", "provisioning.requested"}, {"data", fields}}}) {
    const auto request = provisioning_request_of(event(body), policy());
    REQUIRE(request);
    CHECK(request->team == TeamRef{"acme", "checkout"});
    CHECK(request->kind == RunKind::Provision);
    CHECK(request->key == "e1");
    CHECK(request->edits == std::vector<Edit>{{{"spec", "runtime", "mode"}, "Dedicated"}});
  }
  const auto removed = provisioning_request_of(event(kIds, "provisioning.removed"), policy());
  REQUIRE(removed);
  CHECK(removed->kind == RunKind::Deprovision);
}

TEST_CASE("provisioning event: the scope fills in, and bounds") {
  const auto request = provisioning_request_of(event(Json::object()), policy("acme", "checkout"));
  REQUIRE(request);
  CHECK(request->team == TeamRef{"acme", "checkout"});
  CHECK(refused(event(with({{"org_id", "rival"}}))) == ErrorCode::PermissionDenied);
  CHECK(refused(event(with({{"team_node_id", "other"}})), policy("acme", "checkout")) ==
        ErrorCode::PermissionDenied);
  StoredEvent narrow = event(kIds);
  narrow.scope = {"acme", "other"};
  CHECK(refused(narrow) == ErrorCode::PermissionDenied);
}

TEST_CASE("provisioning event: what can never be understood") {
  CHECK(refused(event(kIds, "provisioning.other")) == ErrorCode::NotFound);
  CHECK(refused(event(Json::array())) == ErrorCode::InvalidArgument);
  CHECK(refused(event(with({{"pipeline_schedule", "x"}}))) == ErrorCode::InvalidArgument);
  StoredEvent elsewhere = event(kIds);
  elsewhere.endpoint = "alerts";
  CHECK(refused(elsewhere) == ErrorCode::InvalidArgument);
  elsewhere.endpoint = "gone";
  CHECK(refused(elsewhere) == ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace tp::gateway
