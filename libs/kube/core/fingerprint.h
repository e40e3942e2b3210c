#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "json/document.h"

namespace tp::kube {

// Tells without any request whether an apply would change something. The fields that a field manager set are
// listed in the object's metadata.managedFields; the live object restricted to them must equal what we would
// apply. Both sides are reduced to a 64-bit fingerprint, so a cache keeps eight bytes instead of a document.
//
// Both functions agree on: members of objects in any order; elements of arrays of objects in any order
// (associative lists keep the server's order, and where order could matter to anyone we send one element);
// arrays of scalars in order; numbers by value. apiVersion, kind and
// metadata.{name,namespace,uid,resourceVersion} do not count: managedFields never lists them.
//
// A configuration must be written as the server would print it, or its fingerprint never equals the live one
// and every pass applies it again:
//   - quantities, durations and times in canonical form ("1", not "1000m");
//   - no null, and no zero value of a field that the server omits when empty ("", false, 0, {}, []; the value
//     of an env entry is one): managedFields lists it, the live object lacks it;
//   - what is replaced as a whole complete with its defaults: elements of atomic lists (the protocol of a
//     NetworkPolicy's port) and atomic structs (apiVersion: v1 in a fieldRef);
//   - no {} for a struct that gets defaults or others' fields (strategy: {}): managedFields says of it only
//     "owned". An {} that stays one is fine (emptyDir: {}, podSelector: {}).
//
// Not made to withstand people who choose inputs to collide: they could only hide changes of their own team
// from us. Values differ between machines of different byte order and are for memory only.
using Fingerprint = std::uint64_t;

// Of an apply configuration (the body that we would send).
[[nodiscard]] Fingerprint fingerprint_of(const nlohmann::json& apply_configuration);

// Of the part of the live object that `field_manager` owns through Apply on the main resource (no
// subresource). Nothing when that manager has no such entry; the server keeps none for an apply that names no
// field. A field that managedFields lists and the object lacks makes the result differ from every desired
// fingerprint.
[[nodiscard]] std::optional<Fingerprint> owned_fingerprint(json::View live, std::string_view field_manager);

}  // namespace tp::kube
