#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "kube/leader/lease.h"

namespace tp::kube {

// Those of component-base and controller-runtime. It has to be lease > renew > 1.2 × retry: what is between
// the first two is how much clocks may differ in rate, and a renewal that fails needs time for another one.
struct LeaseTimes {
  std::chrono::milliseconds lease{15'000};  // whoever sees no renewal for so long may take it
  std::chrono::milliseconds renew{10'000};  // a leader without a renewal for so long gives up
  std::chrono::milliseconds retry{2'000};   // between two renewals, and two looks of those who wait

  [[nodiscard]] bool fit_together() const noexcept { return lease > renew && renew * 5 > retry * 6; }
};

// Decides how one candidate for a Lease goes on: the algorithm of client-go's tools/leaderelection without
// I/O, clock or threads. Its owner performs the Action that each call returns and reports the outcome with
// the next call.
//
//   start -> Read -- free, released, expired --> Write -- written --> leader: Wait, Write, Wait, Write, ...
//               \--- somebody's ------> Wait, Read, ...
//
// - A Lease has expired when this candidate has seen no change in it for the holder's duration, by its own
//   clock. The times in the record belong to another clock and decide nothing.
// - Every write names the version that was seen, so of two who take an expired Lease one is refused.
// - A leader whose last renewal is `renew` ago, reckoned from when it was sent, has lost, whatever came
//   since. It ends (End) and has to start again as any other candidate.
// - Release: an empty holder for one second. It is tried until it would be in vain.
// - Unlike client-go, which waits for up to 2.2 × `retry`, whoever waits looks again after `retry` / 1.2 to
//   `retry`, and at the moment when the Lease expires. So a released Lease is taken within `retry`, and a
//   dead leader's within `lease` + `retry`.
//
// Not thread-safe.
class LeaseFsm {
 public:
  struct Now {
    SteadyTime steady{};
    WallTime wall{};  // only for the times in the record
  };
  struct Read {
    friend bool operator==(const Read&, const Read&) = default;
  };
  struct Write {
    Lease lease;
    std::string version;  // that is expected; kNoLease: none
    friend bool operator==(const Write&, const Write&) = default;
  };
  struct Wait {
    std::chrono::milliseconds time{0};
    friend bool operator==(const Wait&, const Wait&) = default;
  };
  // Nothing more until start().
  struct End {
    friend bool operator==(const End&, const End&) = default;
  };
  using Action = std::variant<Read, Write, Wait, End>;

  // `identity` is nobody else's, ever. `rng` must outlive this.
  LeaseFsm(std::string identity, const LeaseTimes& times, Rng& rng)
      : identity_(std::move(identity)), times_(times), rng_(rng) {}

  // Also again after an End; what it has seen of the Lease stays seen.
  [[nodiscard]] Action start();
  // The outcomes of a Read,
  [[nodiscard]] Action found(StoredLease stored, const Now& now);
  [[nodiscard]] Action missing(const Now& now);
  // of a Write, which was sent then,
  [[nodiscard]] Action written(StoredLease stored, SteadyTime sent, const Now& now);
  // of either,
  [[nodiscard]] Action failed(ErrorCode code, const Now& now);
  // and of a Wait.
  [[nodiscard]] Action waited(const Now& now);
  // Instead of one of them, at any time: gives the Lease back if it has it, and ends.
  [[nodiscard]] Action release(const Now& now);

  [[nodiscard]] bool leading() const noexcept { return role_ == Role::Leader; }
  // While it leads: until when, if no further renewal succeeds.
  [[nodiscard]] SteadyTime leads_until() const noexcept { return leads_until_; }
  // Who has the Lease, as last seen; empty: nobody.
  [[nodiscard]] const std::string& holder() const noexcept { return seen_.lease.holder; }

 private:
  enum class Role : std::uint8_t { None, Candidate, Leader, Releasing };

  [[nodiscard]] Action end();
  [[nodiscard]] Action take(const Now& now) const;
  [[nodiscard]] Action renew(const Now& now) const;
  [[nodiscard]] Action give_back(const Now& now) const;
  [[nodiscard]] Action wait_to_take(SteadyTime now);
  [[nodiscard]] Action wait_as_holder(SteadyTime now) const;
  [[nodiscard]] bool is_ours() const noexcept { return seen_.lease.holder == identity_; }
  [[nodiscard]] SteadyTime expires() const noexcept;
  [[nodiscard]] Lease record(const Now& now) const;

  const std::string identity_;
  const LeaseTimes times_;
  Rng& rng_;

  Role role_ = Role::None;
  StoredLease seen_{{}, std::string{kNoLease}};
  SteadyTime changed_{};  // when we first saw it so
  SteadyTime leads_until_{};
};

}  // namespace tp::kube
