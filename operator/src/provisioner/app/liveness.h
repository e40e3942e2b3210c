#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tp::provisioner {

// What tells whether the operator's threads still do their work.
struct SignsOfLife {
  struct Watch {
    std::string name;
    std::chrono::nanoseconds silent{0};  // since anything came, or failed
  };
  struct Worker {
    std::string team;
    std::chrono::nanoseconds busy{0};
  };
  std::vector<Watch> watches{};
  std::vector<Worker> workers{};  // those that reconcile now
};

// A stream lasts 235 s at the most, bookmarks come each minute, and every attempt has a deadline: three
// streams without any of that is a thread that hangs, or a connection that lies. A watch that fails is not
// stuck: it tries again, /readyz and the metrics tell of it, and a restart would not bring the server back.
inline constexpr std::chrono::seconds kLongestSilence{3 * 235};
// Every call of a reconcile ends with the reconcile's 60 s.
inline constexpr std::chrono::minutes kLongestWork{5};

// PURE. A line for each thing that only a restart can help; empty when there is none.
[[nodiscard]] std::string what_is_stuck(const SignsOfLife& signs);

}  // namespace tp::provisioner
