#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "json/document.h"

// fieldsV1 of metadata.managedFields: a tree over the live object (sigs.k8s.io/structured-merge-diff,
// fieldpath.Set). A member of it names a step:
//   "f:NAME"  a member of an object      "k:{JSON}" the element of an array of objects with these key members
//   "v:JSON"  this scalar of an array    "i:N"      the N-th element              "."  the object or array
//   itself
// and its value is the tree below it, {} where the value is owned whole.
namespace tp::kube {

// What `field_manager` owns through Apply on the main resource (no subresource); missing when it has no such
// entry.
[[nodiscard]] json::View owned_fields(json::View live, std::string_view field_manager) noexcept;

// The first step that leads further down; missing where the value is owned whole.
[[nodiscard]] json::View first_step(json::View fields) noexcept;

// Calls f(View step, std::string_view text) for each step that leads further down; `text` is the key without
// its kind.
template <class F>
void each_step(json::View fields, F&& f) {
  fields.each([&](json::View step) {
    if (step.key() != ".") f(step, step.key().substr(std::min<std::size_t>(2, step.key().size())));
  });
}

// Whether both are scalars and equal; numbers by value.
[[nodiscard]] bool same_scalar(json::View a, json::View b) noexcept;

// The element whose members are those of `key`, the parsed text of a step "k:". Missing when there is none.
[[nodiscard]] json::View find_keyed(json::View array, json::View key) noexcept;

// The element of a step "i:".
[[nodiscard]] json::View find_indexed(json::View array, std::string_view text) noexcept;

}  // namespace tp::kube
