#include "provisioner/app/liveness.h"

#include <chrono>

#include "support/catch.h"

namespace tp::provisioner {
namespace {

using namespace std::chrono_literals;

TEST_CASE("liveness: nothing is stuck while threads show something in time") {
  CHECK(what_is_stuck({}).empty());
  CHECK(what_is_stuck({.watches = {{"deployments", kLongestSilence}}, .workers = {{"ns/a", kLongestWork}}})
            .empty());
}

TEST_CASE("liveness: each watch and worker that is stuck is named") {
  CHECK(what_is_stuck({.watches = {{"deployments", 706s}, {"services", 1s}, {"cronjobs in ns", 1h}},
                       .workers = {{"ns/a", 301s}, {"ns/b", 60s}}}) ==
        "stuck: the watch of deployments, which has shown nothing for 706 s\n"
        "stuck: the watch of cronjobs in ns, which has shown nothing for 3600 s\n"
        "stuck: a worker, which has been busy with ns/a for 301 s\n");
}

}  // namespace
}  // namespace tp::provisioner
