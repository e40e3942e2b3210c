#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "json/document.h"

namespace tp::domain {

// One thing wrong with a resource: where, and what is allowed there.
struct FieldError {
  std::string path;     // spec.pipeline.schedule, spec.runtime.dedicated.env[2].name
  std::string message;  // "must be at most 64 characters long, is 70"; never contains a whole foreign value
                        // of unbounded size

  friend bool operator==(const FieldError&, const FieldError&) = default;
};

// A structural schema as the API server understands it, as far as our CRD uses it, written as constants of
// static storage (team_schema.cc). A test compares it keyword by keyword with the CRD, so the two cannot
// drift apart.

enum class SchemaType : std::uint8_t {
  Any,     // not looked into
  Object,  // `properties`; others are errors, unless it is `open`
  Map,     // any keys, each value as `items`
  Array,   // each element as `items`
  String,
  Integer,
  Boolean,
  IntOrString,  // bounds as for both
};

struct Schema;

struct Property {
  std::string_view name;
  const Schema* schema;
  bool required = false;
};

// A regular expression of the CRD, and the same by hand: std::regex recurses with the length of what it
// reads.
struct Pattern {
  std::string_view expression;
  bool (*matches)(std::string_view text);
  std::string_view message;  // what a person is told instead of the expression
};

// A CEL rule. `holds` is asked only of a value whose structure is right, down to its leaves.
struct Rule {
  std::string_view message;
  bool (*holds)(json::View self);
  std::string_view field{};  // the member to blame, as CEL's fieldPath; the value itself when empty
};

struct Schema {
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

  SchemaType type = SchemaType::Any;
  std::size_t min_size = 0;  // characters (code points) of a string, elements of an array, members of a map
  std::size_t max_size = kUnbounded;
  std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
  std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
  const Pattern* pattern = nullptr;
  std::span<const std::string_view> choices{};  // enum
  std::span<const Property> properties{};
  bool open = false;  // members beyond `properties` are taken as they are (preserve-unknown-fields)
  const Schema* items = nullptr;
  std::span<const std::string_view> list_keys{};  // elements of a list must differ in these members
  std::span<const Rule> rules{};
};

// What is wrong with `value`, which stands at `path`; at most kMaxFieldErrors, as the errors of a hostile
// object must not outgrow the object. Paths are the API server's. A member that is null counts as absent, as
// the API server prunes it; an element of a list does not.
inline constexpr std::size_t kMaxFieldErrors = 100;
[[nodiscard]] std::vector<FieldError> check(const Schema& schema, json::View value, std::string_view path);

// Calls f(View) for each member that counts: not null.
template <class F>
void each_member(json::View object, F&& f) {
  object.each([&](json::View member) {
    if (!member.is(json::Type::Null)) f(member);
  });
}

// The member if it counts, else missing.
[[nodiscard]] json::View member(json::View object, std::string_view name);

// An integer as JSON Schema sees it: 3.0 is one.
[[nodiscard]] std::optional<std::int64_t> whole_number(json::View value);

// A copy of a valid value as Kubernetes returns it when it is passed on: without members that are null, and
// without lists and maps that are empty (their fields are "omitempty"; an empty object means something and
// stays). What an open object has beyond its `properties` is copied as it is.
[[nodiscard]] nlohmann::json copy(const Schema& schema, json::View value);

}  // namespace tp::domain
