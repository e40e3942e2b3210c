#include "base/mutex.h"

#include <thread>

#include "base/strong_id.h"
#include "support/catch.h"

namespace tp {
namespace {

class Box {
 public:
  void put(int v) TP_EXCLUDES(m_) {
    {
      const MutexLock lock{m_};
      value_ = v;
    }
    cv_.notify_one();
  }

  bool wait_for_value(std::stop_token stop) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    return cv_.wait(m_, std::move(stop), [this]() TP_REQUIRES(m_) { return value_ != 0; });
  }

 private:
  Mutex m_;
  CondVar cv_;
  int value_ TP_GUARDED_BY(m_) = 0;
};

TEST_CASE("CondVar: a stop request ends the wait", "[base]") {
  Box box;
  bool got = true;
  std::jthread t{[&](std::stop_token st) { got = box.wait_for_value(std::move(st)); }};
  t.request_stop();
  t.join();
  CHECK_FALSE(got);
}

TEST_CASE("CondVar: a value ends the wait", "[base]") {
  Box box;
  bool got = false;
  std::jthread t{[&](std::stop_token st) { got = box.wait_for_value(std::move(st)); }};
  box.put(1);
  t.join();
  CHECK(got);
}

using OrgId = StrongId<struct OrgIdTag>;
using TeamId = StrongId<struct TeamIdTag>;
static_assert(!std::is_convertible_v<OrgId, TeamId>);
static_assert(!std::is_convertible_v<std::string, OrgId>);

template <class A, class B>
concept Comparable = requires(A a, B b) {
  a == b;
};

static_assert(Comparable<OrgId, OrgId> && !Comparable<OrgId, TeamId>);

}  // namespace
}  // namespace tp
