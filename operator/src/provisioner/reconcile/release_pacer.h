#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "kube/core/resource.h"

namespace tp::provisioner {

// Lets the teams that follow the default release move to a new one at a bounded rate: one after the other,
// each at its turn, and none while too many are under way or too many had to be put back. Whose turn has come
// keeps it until it has moved, so to ask again costs nothing. Who is turned away goes to the end of the line,
// so that the teams of a release that is held ask no more often than they would move.
//
// Nothing of it is durable: after a restart the line forms anew. Thread-safe.
class ReleasePacer {
 public:
  struct Settings {
    unsigned teams_per_minute = 60;  // 0: no bound
    unsigned max_progressing = 25;   // teams on their way to one release
    unsigned max_failed = 3;         // teams put back from one release; as many, and the others stay
  };
  // How many teams are on their way to that release, or were put back from it.
  using Count = std::function<std::size_t(const std::string& release)>;

  // The clock must outlive this.
  ReleasePacer(Settings settings, const Clock& clock, Count progressing, Count failed);

  // How long the team has to wait for its turn; nothing: it has come.
  [[nodiscard]] std::optional<std::chrono::milliseconds> turn_in(const kube::ObjectKey& team,
                                                                 const std::string& release);
  // It does not want to move, or has moved.
  void leave(const kube::ObjectKey& team);

 private:
  struct Place {
    SteadyTime turn{};
    bool come = false;
  };

  [[nodiscard]] SteadyTime last_in_line() TP_REQUIRES(m_);
  [[nodiscard]] bool is_held(const std::string& release) const;

  const Settings settings_;
  const Clock& clock_;
  const Count progressing_, failed_;

  mutable Mutex m_;
  std::unordered_map<kube::ObjectKey, Place> line_ TP_GUARDED_BY(m_);
  SteadyTime last_ TP_GUARDED_BY(m_){};  // the latest turn that was given
};

}  // namespace tp::provisioner
