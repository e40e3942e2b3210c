#include "kube/core/fingerprint.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "kube/core/managed_fields.h"

namespace tp::kube {
namespace {

// Never the fingerprint of a configuration: the value of a live object that lacks a field which it says is
// ours.
constexpr Fingerprint kPoison = 0;

// One salt a kind of value, so that {}, [], "", 0, false and null all differ. Successive hexadecimal digits
// of pi.
using Salt = std::uint64_t;
constexpr Salt kNull = 0x243F6A8885A308D3;
constexpr Salt kBool = 0x13198A2E03707344;
constexpr Salt kInteger = 0xA4093822299F31D0;
constexpr Salt kReal = 0x082EFA98EC4E6C89;
constexpr Salt kString = 0x452821E638D01377;
constexpr Salt kObject = 0xBE5466CF34E90C6C;
constexpr Salt kSet = 0xC0AC29B7C97C50DD;   // array whose elements are all objects
constexpr Salt kList = 0x3F84D5B5B5470917;  // any other array

// The finaliser of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014;
// variant 13 of David Stafford): a bijection in which every input bit flips every output bit with probability
// close to 1/2.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

// Depends on the order of its arguments.
constexpr std::uint64_t chain(std::uint64_t state, std::uint64_t next) noexcept {
  return mix(std::rotl(state, 23) + next);
}

std::uint64_t hash_string(std::string_view text) noexcept {
  std::uint64_t h = mix(kString ^ text.size());
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = std::min(text.size(), sizeof word);
    std::memcpy(&word, text.data(), n);
    h = chain(h, word);
    text.remove_prefix(n);
  }
  return h;
}

std::uint64_t hash_bool(bool value) noexcept { return mix(kBool ^ (value ? 1U : 0U)); }

std::uint64_t hash_integer(std::int64_t value) noexcept {
  return mix(kInteger ^ mix(static_cast<std::uint64_t>(value)));
}

// 1.0 is 1: the server may print either.
std::uint64_t hash_real(double value) noexcept {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (value >= -kLimit && value < kLimit && std::trunc(value) == value) {
    return hash_integer(static_cast<std::int64_t>(value));
  }
  return mix(kReal ^ std::bit_cast<std::uint64_t>(value));
}

// A collection that does not depend on the order of its elements: their hashes are mixed again and summed.
class Sum {
 public:
  void add(std::uint64_t element) noexcept {
    sum_ += mix(element);
    ++count_;
  }
  void add_member(std::string_view key, std::uint64_t value) noexcept { add(chain(hash_string(key), value)); }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::uint64_t finish(Salt salt) const noexcept { return chain(chain(salt, sum_), count_); }

 private:
  std::uint64_t sum_ = 0;
  std::uint64_t count_ = 0;
};

class Sequence {
 public:
  void add(std::uint64_t element) noexcept {
    state_ = chain(state_, element);
    ++count_;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t finish() const noexcept { return chain(state_, count_); }

 private:
  std::uint64_t state_ = kList;
  std::uint64_t count_ = 0;
};

// ---------------------------------------------------------------- desired

std::uint64_t hash_value(const nlohmann::json& value);

bool all_objects(const nlohmann::json& array) {
  return std::all_of(array.begin(), array.end(), [](const nlohmann::json& e) { return e.is_object(); });
}

// Both below recurse as deep as the value, which we built ourselves or took through json::Limits.
std::uint64_t hash_array(const nlohmann::json& array) {
  if (!array.empty() && all_objects(array)) {
    Sum sum;
    for (const auto& element : array) sum.add(hash_value(element));
    return sum.finish(kSet);
  }
  Sequence sequence;
  for (const auto& element : array) sequence.add(hash_value(element));
  return sequence.finish();
}

std::uint64_t hash_value(const nlohmann::json& value) {
  using Kind = nlohmann::json::value_t;
  switch (value.type()) {
    case Kind::object: {
      Sum sum;
      for (const auto& [key, member] : value.items()) sum.add_member(key, hash_value(member));
      return sum.finish(kObject);
    }
    case Kind::array: return hash_array(value);
    case Kind::string: return hash_string(value.get_ref<const std::string&>());
    case Kind::boolean: return hash_bool(value.get<bool>());
    case Kind::number_integer: return hash_integer(value.get<std::int64_t>());
    case Kind::number_unsigned: {
      const auto number = value.get<std::uint64_t>();
      return std::in_range<std::int64_t>(number) ? hash_integer(static_cast<std::int64_t>(number))
                                                 : hash_real(static_cast<double>(number));
    }
    case Kind::number_float: return hash_real(value.get<double>());
    case Kind::null:
    case Kind::binary:
    case Kind::discarded: break;  // binary and discarded do not occur in JSON texts
  }
  return mix(kNull);
}

bool counts_in_metadata(std::string_view key) noexcept {
  return key != "name" && key != "namespace" && key != "uid" && key != "resourceVersion";
}

// ---------------------------------------------------------------- live

std::uint64_t hash_value(json::View value) noexcept;

std::uint64_t hash_array(json::View array) noexcept {
  bool all_objects = true;
  Sum sum;
  Sequence sequence;
  array.each([&](json::View element) {
    const std::uint64_t h = hash_value(element);
    all_objects = all_objects && element.type() == json::Type::Object;
    sum.add(h);
    sequence.add(h);
  });
  return all_objects && !sum.empty() ? sum.finish(kSet) : sequence.finish();
}

std::uint64_t hash_value(json::View value) noexcept {
  switch (value.type()) {
    case json::Type::Object: {
      Sum sum;
      value.each([&](json::View member) { sum.add_member(member.key(), hash_value(member)); });
      return sum.finish(kObject);
    }
    case json::Type::Array: return hash_array(value);
    case json::Type::String: return hash_string(value.text());
    case json::Type::Bool: return hash_bool(value.boolean().value_or(false));
    case json::Type::Integer: return hash_integer(value.integer().value_or(0));
    case json::Type::Double: return hash_real(value.number().value_or(0.0));
    case json::Type::Null: break;
  }
  return mix(kNull);
}

// ---------------------------------------------------------------- owned

class OwnedHasher {
 public:
  std::uint64_t hash(json::View fields, json::View live) {
    if (!live.exists()) return poison();
    const json::View step = first_step(fields);
    if (!step.exists()) return hash_value(live);
    const std::string_view kind = step.key().substr(0, 2);
    if (kind == "f:") return hash_members(fields, live);
    if (!live.is(json::Type::Array)) return poison();
    if (kind == "v:") return hash_scalars(fields, live);
    return hash_elements(fields, live);
  }

  [[nodiscard]] bool poisoned() const noexcept { return poisoned_; }

 private:
  std::uint64_t poison() noexcept {
    poisoned_ = true;
    return kPoison;
  }

  std::uint64_t hash_members(json::View fields, json::View live) {
    Sum sum;
    each_step(fields,
              [&](json::View step, std::string_view name) { sum.add_member(name, hash(step, live[name])); });
    return sum.finish(kObject);
  }

  std::uint64_t hash_elements(json::View fields, json::View live) {
    Sum sum;
    each_step(fields, [&](json::View step, std::string_view path) {
      const bool keyed = step.key().starts_with("k:");
      const json::View element = keyed ? find(live, path) : find_indexed(live, path);
      sum.add(hash(step, element));
    });
    return sum.finish(kSet);
  }

  // In the order of the live array, which for a set keeps ours.
  std::uint64_t hash_scalars(json::View fields, json::View live) {
    Sequence sequence;
    live.each([&](json::View element) {
      bool owned = false;
      each_step(fields, [&](json::View, std::string_view text) {
        owned = owned || (parse_step(text) && same_scalar(element, step_.root()));
      });
      if (owned) sequence.add(hash_value(element));
    });
    std::size_t listed = 0;
    each_step(fields, [&](json::View, std::string_view) { ++listed; });
    return sequence.count() == listed ? sequence.finish() : poison();
  }

  json::View find(json::View live, std::string_view text) {
    return parse_step(text) ? find_keyed(live, step_.root()) : json::View{};
  }

  bool parse_step(std::string_view text) { return step_.parse(text).has_value(); }

  json::Document step_;
  bool poisoned_ = false;
};

constexpr Fingerprint to_fingerprint(std::uint64_t hash) noexcept { return hash == kPoison ? 1 : hash; }

}  // namespace

Fingerprint fingerprint_of(const nlohmann::json& apply_configuration) {
  Sum sum;
  for (const auto& [key, member] : apply_configuration.items()) {
    if (key == "apiVersion" || key == "kind") continue;
    if (key != "metadata") {
      sum.add_member(key, hash_value(member));
      continue;
    }
    Sum metadata;
    for (const auto& [name, value] : member.items()) {
      if (counts_in_metadata(name)) metadata.add_member(name, hash_value(value));
    }
    if (!metadata.empty()) sum.add_member(key, metadata.finish(kObject));
  }
  return to_fingerprint(sum.finish(kObject));
}

std::optional<Fingerprint> owned_fingerprint(json::View live, std::string_view field_manager) {
  const json::View fields = owned_fields(live, field_manager);
  if (!fields.exists()) return std::nullopt;
  OwnedHasher hasher;
  const std::uint64_t hash = hasher.hash(fields, live);
  return hasher.poisoned() ? kPoison : to_fingerprint(hash);
}

}  // namespace tp::kube
