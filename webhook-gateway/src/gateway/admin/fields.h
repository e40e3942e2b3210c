#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "http/types.h"

namespace tp::gateway {

// The fields of a request's JSON body. Each is asked for by name; what is wrong is collected, and refusal()
// says all of it at once, in the form of the former service: 422 with
// {"detail": [{"type", "loc", "msg", "input", "ctx"?}]}.
//
// Texts have no NUL and are measured in characters. A field that is wrong reads as its default.
class Fields {
 public:
  // An empty body is one without fields.
  explicit Fields(const std::string& body);

  struct Length {
    std::size_t min = 0;
    std::size_t max = std::numeric_limits<std::size_t>::max();
  };
  struct Range {
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
  };

  // Whether it is there, be it null.
  [[nodiscard]] bool given(const char* name) const { return body_.contains(name); }
  // One that must be there.
  [[nodiscard]] std::string text(const char* name, Length length);
  // The others are absent or null, or of their type.
  [[nodiscard]] std::optional<std::string> text_or_none(const char* name, Length length);
  [[nodiscard]] std::optional<std::vector<std::string>> texts_or_none(const char* name, Length each);
  [[nodiscard]] std::optional<std::int64_t> integer_or_none(const char* name, Range range);
  [[nodiscard]] bool boolean(const char* name, bool otherwise);
  [[nodiscard]] nlohmann::json object(const char* name);  // {} when absent

  // Refuses a value that has the right type, for the reason given.
  void wrong(const char* name, const std::string& why);
  // Refuses every field but these.
  void allow_only(std::initializer_list<std::string_view> names);

  // The answer, if anything is wrong.
  [[nodiscard]] std::optional<http::Response> refusal() const;

 private:
  void problem(const char* type,
               nlohmann::json location,
               const std::string& message,
               const nlohmann::json& input,
               nlohmann::json context = {});
  // The field's value when it is there and not null.
  [[nodiscard]] const nlohmann::json* value(const char* name) const;
  [[nodiscard]] std::optional<std::string> as_text(const nlohmann::json& value,
                                                   const nlohmann::json& location,
                                                   Length length);

  nlohmann::json body_ = nlohmann::json::object();
  nlohmann::json problems_ = nlohmann::json::array();
};

}  // namespace tp::gateway
