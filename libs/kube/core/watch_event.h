#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "json/document.h"

namespace tp::kube {

enum class WatchEventType : std::uint8_t { Added, Modified, Deleted, Bookmark, Error };

// One line of a watch stream, as views into the Document that parsed it.
struct WatchEvent {
  WatchEventType type = WatchEventType::Error;
  json::View object{};
  std::string_view resource_version{};  // of the object; empty for Error
  bool initial_events_end = false;      // the bookmark that ends the initial events of a WatchList
};

// DataLoss for an unknown type or an object without a resourceVersion.
[[nodiscard]] Result<WatchEvent> read_watch_event(json::View line);

}  // namespace tp::kube
