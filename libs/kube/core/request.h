#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "http/types.h"
#include "kube/core/resource.h"

namespace tp::kube {

// Requests to the API server as values: no I/O here. Every path segment and query value is percent-encoded.

enum class Representation { Full, MetadataOnly };  // MetadataOnly: PartialObjectMetadata(List)

// What a list, a watch and a store are about. Empty namespace: all of them.
struct Selection {
  ResourceType type;
  std::string ns{};
  std::string label_selector{};
  std::string field_selector{};
  Representation representation = Representation::Full;
};

struct ListQuery {
  unsigned limit = 0;            // 0: no limit parameter
  std::string continue_token{};  // from the page before
  std::string resource_version{};
  std::string resource_version_match{};  // Exact | NotOlderThan; only with a resource_version
};

struct WatchQuery {
  std::string resource_version{};
  std::chrono::seconds timeout{0};   // timeoutSeconds; the server ends the stream after it
  bool send_initial_events = false;  // WatchList: synthetic ADDED events, then the marked bookmark
};

// As metadata.resourceVersion of an apply that is to create: only an object without a past may have it, so
// the server refuses (409) wherever something exists.
inline constexpr std::string_view kMustNotExist = "1";

struct ApplyQuery {
  std::string_view field_manager;
  bool force = true;
  bool dry_run = false;
  std::string_view subresource{};  // "" or "status"
};

enum class Propagation { Background, Foreground, Orphan };

[[nodiscard]] http::Request list_request(const Selection& selection, const ListQuery& query);
[[nodiscard]] http::Request watch_request(const Selection& selection, const WatchQuery& query);
[[nodiscard]] http::Request get_request(const ResourceType& type,
                                        const ObjectKey& key,
                                        Representation representation = Representation::Full);
// A create by POST, for what has no past that could be met: Events.
[[nodiscard]] http::Request create_request(const ResourceType& type, const std::string& ns, std::string body);
// Server-side apply: PATCH with application/apply-patch+yaml and a JSON body, fieldValidation=Strict.
[[nodiscard]] http::Request apply_request(const ResourceType& type,
                                          const ObjectKey& key,
                                          std::string body,
                                          const ApplyQuery& query);
// RFC 6902; `body` is the JSON array of operations. A failed `test` is answered 422.
[[nodiscard]] http::Request json_patch_request(const ResourceType& type,
                                               const ObjectKey& key,
                                               std::string body,
                                               std::string_view field_manager);
// With a uid precondition: 409 when another object has the name now. An empty uid is a programming error.
[[nodiscard]] http::Request delete_request(const ResourceType& type,
                                           const ObjectKey& key,
                                           std::string_view uid,
                                           Propagation propagation);

}  // namespace tp::kube
