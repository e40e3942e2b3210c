#include "domain/field_reader.h"

#include <algorithm>
#include <utility>

#include "domain/formats.h"

namespace tp::domain {

using json::View;

namespace {

bool is_at_or_under(std::string_view error, std::string_view path) {
  return error.substr(0, path.size()) == path &&
         (error.size() == path.size() || error[path.size()] == '.' || error[path.size()] == '[');
}

}  // namespace

const Schema& property(const Schema& schema, std::string_view name) {
  return *std::find_if(schema.properties.begin(), schema.properties.end(), [&](const Property& candidate) {
            return candidate.name == name;
          })->schema;
}

FieldReader::FieldReader(const Schema& schema,
                         View object,
                         std::string path,
                         const std::vector<FieldError>& errors)
    : schema_(schema), object_(object), path_(std::move(path)), errors_(errors) {}

std::chrono::seconds FieldReader::duration(std::string_view name, std::chrono::seconds fallback) const {
  const View found = value(name);
  return found ? format::parse_duration(found.text()).value_or(fallback) : fallback;
}

std::int64_t FieldReader::number(std::string_view name, std::int64_t fallback) const {
  return whole_number(value(name)).value_or(fallback);
}

nlohmann::json FieldReader::part(std::string_view name) const {
  const View found = value(name);
  if (!found) return nullptr;
  const Schema& schema = property(schema_, name);
  nlohmann::json copied = copy(schema, found);
  if (copied.empty() && schema.type != SchemaType::Object) return nullptr;
  return copied;
}

std::vector<EnvVar> FieldReader::env() const {
  const View list = value("env");
  std::vector<EnvVar> env;
  env.reserve(list.size());
  list.each([&](View item) {
    const View reference = member(member(item, "valueFrom"), "secretKeyRef");
    env.push_back(EnvVar{.name = std::string{item["name"].text()},
                         .value = std::string{item["value"].text()},
                         .secret_name = std::string{reference["name"].text()},
                         .secret_key = std::string{reference["key"].text()},
                         .optional = reference["optional"].boolean().value_or(false)});
  });
  return env;
}

View FieldReader::value(std::string_view name) const {
  if (!errors_.empty()) {
    const std::string path = path_ + "." + std::string{name};
    if (std::any_of(errors_.begin(), errors_.end(),
                    [&](const FieldError& error) { return is_at_or_under(error.path, path); })) {
      return {};
    }
  }
  return member(object_, name);
}

FieldReader FieldReader::object(std::string_view name) const {
  return {property(schema_, name), member(object_, name),
          errors_.empty() ? "" : path_ + "." + std::string{name}, errors_};
}

}  // namespace tp::domain
