#include "provisioner/commands/drain_command.h"
#include "support/catch.h"

namespace tp::provisioner::test {
namespace {

using Json = nlohmann::json;
using Mode = DrainOptions::Mode;

domain::TeamProvisioning team(int finalizer_index, bool paused, bool deleting) {
  domain::TeamProvisioning made;
  made.meta.resource_version = "7";
  made.meta.deleting = deleting;
  made.finalizer_index = finalizer_index;
  made.paused = paused;
  return made;
}

TEST_CASE("drain: retain releases whatever holds or could get the finalizer", "[commands]") {
  CHECK(drain_step(Mode::Retain, team(0, false, false)) == DrainStep::Release);
  CHECK(drain_step(Mode::Retain, team(0, true, false)) == DrainStep::Release);
  CHECK(drain_step(Mode::Retain, team(1, true, true)) == DrainStep::Release);
  CHECK(drain_step(Mode::Retain, team(-1, false, false)) == DrainStep::Release);
  CHECK(drain_step(Mode::Retain, team(-1, true, false)) == DrainStep::None);
  CHECK(drain_step(Mode::Retain, team(-1, false, true)) == DrainStep::None);
}

TEST_CASE("drain: delete asks once, and waits", "[commands]") {
  CHECK(drain_step(Mode::Delete, team(0, false, false)) == DrainStep::Delete);
  CHECK(drain_step(Mode::Delete, team(-1, true, false)) == DrainStep::Delete);
  CHECK(drain_step(Mode::Delete, team(0, false, true)) == DrainStep::Wait);
}

TEST_CASE("drain: a release holds for one version only", "[commands]") {
  CHECK(release_patch(team(1, false, false), true) == Json::parse(R"([
    {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
    {"op": "test", "path": "/metadata/finalizers/1", "value": "incidentfox.io/team-operator"},
    {"op": "remove", "path": "/metadata/finalizers/1"},
    {"op": "add", "path": "/metadata/annotations/incidentfox.io~1paused", "value": "true"}])"));
  CHECK(release_patch(team(-1, false, false), false) == Json::parse(R"([
    {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
    {"op": "add", "path": "/metadata/annotations", "value": {}},
    {"op": "add", "path": "/metadata/annotations/incidentfox.io~1paused", "value": "true"}])"));
}

}  // namespace
}  // namespace tp::provisioner::test
