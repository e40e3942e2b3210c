#pragma once

#include <string>

#include "kube/core/resource.h"

namespace tp::kube {

struct ObjectReference {
  ResourceType type{};
  ObjectKey key{};
  std::string uid{};
  std::string resource_version{};
};

// Something about an object that people should hear of: `kubectl describe` and `kubectl events` show it.
// Never with a secret in it.
struct Event {
  ObjectReference regarding{};
  bool warning = false;
  std::string action{};  // what was being done: CamelCase, up to 128 bytes, as the API wants it
  std::string reason{};  // why this is told: the same
  std::string note{};    // for people; cut at 1,024 bytes when written
};

// Where Events go. Whoever tells of one neither waits for it nor hears what becomes of it: it is news, and
// no reason to stop. Implementations are thread-safe.
class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;

  virtual void announce(Event event) = 0;
};

}  // namespace tp::kube
