#include "kube/core/watch_event.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace tp::kube {
namespace {

std::optional<WatchEventType> parse_type(std::string_view text) noexcept {
  constexpr std::array<std::pair<std::string_view, WatchEventType>, 5> kTypes{{
      {"ADDED", WatchEventType::Added},
      {"MODIFIED", WatchEventType::Modified},
      {"DELETED", WatchEventType::Deleted},
      {"BOOKMARK", WatchEventType::Bookmark},
      {"ERROR", WatchEventType::Error},
  }};
  for (const auto& [name, type] : kTypes) {
    if (name == text) return type;
  }
  return std::nullopt;
}

}  // namespace

Result<WatchEvent> read_watch_event(json::View line) {
  const auto type = parse_type(line["type"].text());
  if (!type) return Error{ErrorCode::DataLoss, "watch event of an unknown type"};
  WatchEvent event{*type, line["object"]};
  if (event.type == WatchEventType::Error) return event;

  const json::View metadata = event.object["metadata"];
  event.resource_version = metadata["resourceVersion"].text();
  if (event.resource_version.empty()) {
    return Error{ErrorCode::DataLoss, "watch event whose object has no resourceVersion"};
  }
  // https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
  event.initial_events_end = event.type == WatchEventType::Bookmark &&
                             metadata["annotations"]["k8s.io/initial-events-end"].text() == "true";
  return event;
}

}  // namespace tp::kube
