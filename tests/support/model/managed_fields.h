#pragma once

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace tp::test {

// The part of server-side apply that an API server does with fields: which of them a configuration names, who
// owns them, and what an object is after somebody applied (sigs.k8s.io/structured-merge-diff). It knows the
// lists and atomic values of the types that the operator applies by their names, not from a schema.

// Steps as fieldsV1 writes them: "f:NAME" a member, "k:{…}" an element by its key, "v:…" an element of a set.
using FieldPath = std::vector<std::string>;
using FieldSet = std::set<FieldPath>;

// The leaves of a configuration or an object, and the elements of its lists; without apiVersion, kind and
// what of metadata the server decides.
[[nodiscard]] FieldSet fields_of(const nlohmann::json& object);

[[nodiscard]] FieldSet read_fields_v1(const nlohmann::json& fields);
[[nodiscard]] nlohmann::json to_fields_v1(const FieldSet& fields);

// What `live` becomes when `applied` is laid over it; nothing is taken away.
[[nodiscard]] nlohmann::json overlay(const nlohmann::json& live, const nlohmann::json& applied);

// Null when there is no such field.
[[nodiscard]] const nlohmann::json* find_field(const nlohmann::json& object, const FieldPath& path);

// Takes away what `dropped` names, unless `others` owns it or something below it. What becomes empty by that
// goes too.
void remove_fields(nlohmann::json& object, const FieldSet& dropped, const FieldSet& others);

struct Applying {
  std::string manager{};
  std::string subresource{};
  bool force = true;
  std::string time{};
};

// The object after `configuration` was applied to `live` (null: there is none), with its managedFields.
// Metadata that the server decides is left as it is in `live`. Conflict, without force, when another manager
// owns a field that would change.
[[nodiscard]] Result<nlohmann::json> apply_fields(const nlohmann::json& live,
                                                  const nlohmann::json& configuration,
                                                  const Applying& applying);

// The managedFields of `after`, which somebody made of `before` by any other request than an apply.
void note_update(const nlohmann::json& before, nlohmann::json& after, const Applying& updating);

}  // namespace tp::test
