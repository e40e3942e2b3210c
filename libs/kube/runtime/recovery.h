#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/mutex.h"

namespace tp::kube {

// What all users of one API server know together about whether it answers, so that nobody sleeps on after it
// is back.
//
// Each reflector backs off by itself, up to half a minute: after an outage some of them would notice the
// return late (a program on controller-runtime needs 28-77 s). Here whoever reaches the server ends the pause
// of all others, and while it is away the waiting ones take turns to try, one each `turn`, whatever their own
// backoff says: the return is noticed within a turn at the cost of one request.
//
// One object for each API server. Thread-safe.
class Recovery {
 public:
  // 2 s: a third of the 5 s within which we promise to follow an edit, and no load worth mentioning.
  explicit Recovery(const Clock& clock, std::chrono::milliseconds turn = std::chrono::seconds{2})
      : clock_(clock), turn_(turn) {}

  // The server gave an answer below 500.
  void succeeded() TP_EXCLUDES(m_);
  // There was no answer, or one of 500 and above.
  void failed() TP_EXCLUDES(m_);

  // How often the server has come back so far.
  [[nodiscard]] std::uint64_t returns() const TP_EXCLUDES(m_);

  // Which history of the server we know, as a number. Whoever finds that etcd was restored from a backup says
  // so with the number that it knew, so that several who find the same restore count it once. The others must
  // list anew even if they see nothing wrong: by the time they look, the new history may have overtaken the
  // versions they know.
  [[nodiscard]] std::uint64_t history() const TP_EXCLUDES(m_);
  void history_went_back(std::uint64_t known) TP_EXCLUDES(m_);

  // Sleeps for `at_most`; less when `stop` is requested, when the server has come back since the call, or
  // when it is this caller's turn to try; but never less than `at_least` unless stopped, so that a server
  // which answers some and fails others is not asked in a tight loop.
  void pause(const std::stop_token& stop,
             std::chrono::milliseconds at_least,
             std::chrono::milliseconds at_most) TP_EXCLUDES(m_);

 private:
  const Clock& clock_;
  const std::chrono::milliseconds turn_;

  mutable Mutex m_;
  CondVar changed_;
  bool away_ TP_GUARDED_BY(m_) = false;
  std::uint64_t outages_ TP_GUARDED_BY(m_) = 0;
  std::uint64_t returns_ TP_GUARDED_BY(m_) = 0;
  std::uint64_t history_ TP_GUARDED_BY(m_) = 0;
  SteadyTime next_turn_ TP_GUARDED_BY(m_){};  // while away
};

}  // namespace tp::kube
