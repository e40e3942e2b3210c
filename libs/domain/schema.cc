#include "domain/schema.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "domain/formats.h"
#include "kube/core/text.h"

namespace tp::domain {
namespace {

using json::Type;
using json::View;

constexpr std::size_t kMaxKeyInPath = 320;  // longer than any label key or resource name

std::string counted(std::size_t count, std::string_view unit) {
  return std::to_string(count).append(" ").append(unit).append(count == 1 ? "" : "s");
}

std::string listed(std::span<const std::string_view> choices) {
  std::string text;
  for (const std::string_view choice : choices) text.append(text.empty() ? "" : ", ").append(choice);
  return text;
}

const Property* property_of(const Schema& schema, std::string_view name) {
  const auto found = std::find_if(schema.properties.begin(), schema.properties.end(),
                                  [&](const Property& property) { return property.name == name; });
  return found == schema.properties.end() ? nullptr : &*found;
}

class Checker {
 public:
  Checker(std::string_view path, std::vector<FieldError>& errors) : path_(path), errors_(errors) {}

  void check(const Schema& schema, View value) {
    const std::size_t before = errors_.size();
    check_structure(schema, value);
    if (errors_.size() != before) return;
    for (const Rule& rule : schema.rules) {
      if (rule.holds(value)) continue;
      const Descent descent{*this, rule.field};
      report(std::string{rule.message});
    }
  }

 private:
  // Extends the path while it lives.
  class Descent {
   public:
    Descent(Checker& checker, std::string_view name) : path_(checker.path_), size_(path_.size()) {
      if (name.empty()) return;
      if (!path_.empty()) path_ += '.';
      path_ += kube::cut(name, kMaxKeyInPath);
      if (name.size() > kMaxKeyInPath) path_ += "…";
    }
    Descent(Checker& checker, std::size_t index) : path_(checker.path_), size_(path_.size()) {
      path_.append("[").append(std::to_string(index)).append("]");
    }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;
    ~Descent() { path_.resize(size_); }

   private:
    std::string& path_;
    std::size_t size_;
  };

  void report(std::string message) {
    if (errors_.size() < kMaxFieldErrors) errors_.push_back(FieldError{path_, std::move(message)});
  }

  void check_structure(const Schema& schema, View value) {
    switch (schema.type) {
      case SchemaType::Any: return;
      case SchemaType::Object: return check_object(schema, value);
      case SchemaType::Map: return check_map(schema, value);
      case SchemaType::Array: return check_array(schema, value);
      case SchemaType::String:
        if (!value.is(Type::String)) return report("must be a string");
        return check_string(schema, value.text());
      case SchemaType::Integer:
        if (const auto number = whole_number(value)) return check_number(schema, *number);
        return report("must be a whole number");
      case SchemaType::Boolean:
        if (!value.is(Type::Bool)) report("must be true or false");
        return;
      case SchemaType::IntOrString:
        if (value.is(Type::String)) return check_string(schema, value.text());
        if (const auto number = whole_number(value)) return check_number(schema, *number);
        return report("must be a string or a whole number");
    }
  }

  void check_object(const Schema& schema, View value) {
    if (!value.is(Type::Object)) return report("must be an object");
    for (const Property& property : schema.properties) {
      if (!property.required || member(value, property.name)) continue;
      const Descent descent{*this, property.name};
      report("is required");
    }
    value.each([&](View child) {
      const Descent descent{*this, child.key()};
      const Property* const property = property_of(schema, child.key());
      if (property == nullptr) {
        if (!schema.open) report("is not a known field");
        return;
      }
      if (!child.is(Type::Null)) check(*property->schema, child);
    });
  }

  void check_map(const Schema& schema, View value) {
    if (!value.is(Type::Object)) return report("must be an object");
    std::size_t count = 0;
    each_member(value, [&](View child) {
      if (++count > schema.max_size)
        return;  // one error for the map rather than one for each of a million members
      const Descent descent{*this, child.key()};
      check(*schema.items, child);
    });
    check_size(schema, count, "entry", "entries");
  }

  void check_array(const Schema& schema, View value) {
    if (!value.is(Type::Array)) return report("must be a list");
    check_size(schema, value.size(), "item", "items");
    if (value.size() > schema.max_size) return;
    std::size_t index = 0;
    value.each([&](View element) {
      const Descent descent{*this, index};
      check(*schema.items, element);
      if (!schema.list_keys.empty() && is_repeated(schema.list_keys, value, index, element)) {
        report("repeats the " + listed(schema.list_keys) + " of an earlier item");
      }
      ++index;
    });
  }

  // Whether one of the first `count` elements has the same keys. Quadratic in what max_size bounds.
  static bool is_repeated(std::span<const std::string_view> keys,
                          View list,
                          std::size_t count,
                          View element) {
    for (View other = list.first(); count > 0; other = other.next(), --count) {
      if (std::all_of(keys.begin(), keys.end(), [&](std::string_view key) {
            return other[key].is(Type::String) && other[key].string() == element[key].string();
          })) {
        return true;
      }
    }
    return false;
  }

  void check_size(const Schema& schema, std::size_t size, std::string_view one, std::string_view many) {
    const auto count = [&](std::size_t n) {
      return std::to_string(n).append(" ").append(n == 1 ? one : many);
    };
    if (size < schema.min_size) report("must have at least " + count(schema.min_size));
    if (size > schema.max_size)
      report("must have at most " + count(schema.max_size) + ", has " + std::to_string(size));
  }

  void check_string(const Schema& schema, std::string_view text) {
    const std::size_t size = format::code_points(text);
    if (size > schema.max_size) {
      return report("must be at most " + counted(schema.max_size, "character") + " long, is " +
                    std::to_string(size));
    }
    if (size < schema.min_size) {
      return report(size == 0 ? "must not be empty"
                              : "must be at least " + counted(schema.min_size, "character") + " long");
    }
    if (!schema.choices.empty() &&
        std::find(schema.choices.begin(), schema.choices.end(), text) == schema.choices.end()) {
      return report((schema.choices.size() == 1 ? "must be " : "must be one of ") + listed(schema.choices));
    }
    if (schema.pattern != nullptr && !schema.pattern->matches(text)) {
      report(std::string{schema.pattern->message});
    }
  }

  void check_number(const Schema& schema, std::int64_t number) {
    if (number < schema.minimum) report("must be at least " + std::to_string(schema.minimum));
    if (number > schema.maximum) report("must be at most " + std::to_string(schema.maximum));
  }

  std::string path_;
  std::vector<FieldError>& errors_;
};

}  // namespace

View member(View object, std::string_view name) {
  const View found = object[name];
  return found.is(Type::Null) ? View{} : found;
}

std::optional<std::int64_t> whole_number(View value) {
  if (const auto integer = value.integer()) return integer;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const std::optional<double> number = value.number();
  if (!number || std::abs(*number) > kExact || std::trunc(*number) != *number) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

nlohmann::json copy(const Schema& schema, View value) {
  switch (schema.type) {
    case SchemaType::Object: {
      nlohmann::json object = nlohmann::json::object();
      for (const Property& property : schema.properties) {
        const View child = member(value, property.name);
        if (!child) continue;
        nlohmann::json copied = copy(*property.schema, child);
        const bool omitted = copied.empty() && (property.schema->type == SchemaType::Array ||
                                                property.schema->type == SchemaType::Map);
        if (!omitted) object[std::string{property.name}] = std::move(copied);
      }
      if (!schema.open) return object;
      value.each([&](View child) {
        if (property_of(schema, child.key()) == nullptr) object[std::string{child.key()}] = child.to_json();
      });
      return object;
    }
    case SchemaType::Map: {
      nlohmann::json map = nlohmann::json::object();
      each_member(value, [&](View child) { map[std::string{child.key()}] = copy(*schema.items, child); });
      return map;
    }
    case SchemaType::Array: {
      nlohmann::json array = nlohmann::json::array();
      value.each([&](View element) { array.push_back(copy(*schema.items, element)); });
      return array;
    }
    case SchemaType::Integer:
    case SchemaType::IntOrString:
      if (const auto number = whole_number(value)) return *number;
      break;
    case SchemaType::Any:
    case SchemaType::String:
    case SchemaType::Boolean: break;
  }
  return value.to_json();
}

std::vector<FieldError> check(const Schema& schema, View value, std::string_view path) {
  std::vector<FieldError> errors;
  Checker{path, errors}.check(schema, value);
  return errors;
}

}  // namespace tp::domain
