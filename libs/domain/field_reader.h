#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/schema.h"
#include "domain/team_provisioning.h"
#include "json/document.h"

namespace tp::domain {

// Reads members of an object that has been checked; what has an error reads as absent. Texts are built, not
// assigned: an assigned std::string keeps up to twice its size. What it is given must outlive it.
class FieldReader {
 public:
  FieldReader(const Schema& schema,
              json::View object,
              std::string path,
              const std::vector<FieldError>& errors);

  [[nodiscard]] bool exists() const noexcept { return object_.is(json::Type::Object); }

  [[nodiscard]] std::string text(std::string_view name) const { return std::string{value(name).text()}; }
  [[nodiscard]] std::chrono::seconds duration(std::string_view name, std::chrono::seconds fallback) const;
  [[nodiscard]] std::optional<bool> boolean(std::string_view name) const { return value(name).boolean(); }
  [[nodiscard]] std::int64_t number(std::string_view name, std::int64_t fallback) const;
  // A part that is passed on; null when absent, and when empty where empty means absent.
  [[nodiscard]] nlohmann::json part(std::string_view name) const;
  // Environment variables of the member `env`.
  [[nodiscard]] std::vector<EnvVar> env() const;
  // The member if nothing is wrong with it, down to its leaves.
  [[nodiscard]] json::View value(std::string_view name) const;
  // The member as an object, whatever is wrong further down.
  [[nodiscard]] FieldReader object(std::string_view name) const;

 private:
  const Schema& schema_;
  const json::View object_;
  const std::string path_;
  const std::vector<FieldError>& errors_;
};

// The schema of one property.
[[nodiscard]] const Schema& property(const Schema& schema, std::string_view name);

}  // namespace tp::domain
