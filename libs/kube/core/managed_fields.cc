#include "kube/core/managed_fields.h"

#include <charconv>
#include <system_error>

namespace tp::kube {
namespace {

bool is_number(json::View value) noexcept {
  return value.is(json::Type::Integer) || value.is(json::Type::Double);
}

}  // namespace

json::View owned_fields(json::View live, std::string_view field_manager) noexcept {
  const json::View entries = live["metadata"]["managedFields"];
  for (json::View entry = entries.first(); entry.exists(); entry = entry.next()) {
    if (entry["manager"].text() == field_manager && entry["operation"].text() == "Apply" &&
        entry["subresource"].text().empty()) {
      return entry["fieldsV1"];
    }
  }
  return {};
}

json::View first_step(json::View fields) noexcept {
  const json::View step = fields.first();
  return step.exists() && step.key() == "." ? step.next() : step;
}

bool same_scalar(json::View a, json::View b) noexcept {
  if (!a.exists() || !b.exists()) return false;
  if (a.is(json::Type::Integer) && b.is(json::Type::Integer)) return a.integer() == b.integer();
  if (is_number(a) && is_number(b)) return a.number() == b.number();
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case json::Type::String: return a.text() == b.text();
    case json::Type::Bool: return a.boolean() == b.boolean();
    case json::Type::Null: return true;
    default: return false;
  }
}

json::View find_keyed(json::View array, json::View key) noexcept {
  for (json::View element = array.first(); element.exists(); element = element.next()) {
    bool same = key.size() > 0;
    key.each([&](json::View member) { same = same && same_scalar(element[member.key()], member); });
    if (same) return element;
  }
  return {};
}

json::View find_indexed(json::View array, std::string_view text) noexcept {
  std::size_t index = 0;
  const char* const end = text.data() + text.size();
  if (const auto [stop, error] = std::from_chars(text.data(), end, index);
      error != std::errc{} || stop != end) {
    return {};
  }
  json::View element = array.first();
  while (index-- > 0 && element.exists()) element = element.next();
  return element;
}

}  // namespace tp::kube
