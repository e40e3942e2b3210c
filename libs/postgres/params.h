#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tp::postgres {

// The parameters $1, $2, … of one statement, in order of addition. Owns copies. Scalars go as text, so the
// statement says their type (`$1::uuid`); arrays go in PostgreSQL's binary form, because a thousand bytea
// values in text form would be twice as long and have to be quoted (the format:
// src/backend/utils/adt/arrayfuncs.c, array_recv).
class Params {
 public:
  Params& add(std::string_view text);
  Params& add(const char* text) { return add(std::string_view{text}); }
  Params& add(const std::string& text) { return add(std::string_view{text}); }
  Params& add(std::int64_t number) { return add(std::to_string(number)); }
  Params& add(std::int32_t number) { return add(std::to_string(number)); }
  Params& add(std::size_t number) { return add(std::to_string(number)); }
  Params& add(bool value) { return add(value ? "true" : "false"); }
  template <class T>
  Params& add(const std::optional<T>& value) {
    return value ? add(*value) : add_null();
  }
  Params& add_null();
  // NULL instead of "".
  Params& add_or_null(std::string_view text) { return text.empty() ? add_null() : add(text); }

  Params& add_texts(const std::vector<std::string_view>& values);  // text[]
  Params& add_texts(const std::vector<std::string>& values);       // text[]
  Params& add_bytes(const std::vector<std::string_view>& values);  // bytea[]
  Params& add_bigints(const std::vector<std::int64_t>& values);    // bigint[]

  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

 private:
  friend class Connection;

  struct Value {
    unsigned type = 0;  // an oid; 0: the statement says it
    bool binary = false;
    bool null = false;
    std::string bytes;
  };

  std::vector<Value> values_;
};

}  // namespace tp::postgres
