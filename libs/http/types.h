#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tp::http {

enum class Method { Get, Head, Post, Put, Patch, Delete };

[[nodiscard]] std::string_view to_string(Method method) noexcept;
[[nodiscard]] std::optional<Method> parse_method(std::string_view text) noexcept;

// Whether two names of header fields are the same: without case, in ASCII.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b) noexcept;

// Header fields in the order given; names compare without case. A name may occur several times.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  // Replaces every field of that name.
  void set(std::string_view name, std::string value);
  // The first field of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;

  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }
  [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }

  friend bool operator==(const Headers&, const Headers&) = default;

 private:
  std::vector<Field> fields_;
};

struct Request {
  Method method = Method::Get;
  std::string target = "/";  // origin form: path and query, already percent-encoded
  Headers headers{};
  std::string body{};  // exact bytes
};

struct Response {
  int status = 200;
  Headers headers{};
  std::string body{};  // exact bytes
};

// Percent-encodes everything outside RFC 3986 "unreserved", so the result is one path segment or one query
// value.
[[nodiscard]] std::string escape(std::string_view text);

// Seconds or HTTP-date (RFC 9110, 10.2.3); only whole seconds are understood, as every Kubernetes server
// sends them.
[[nodiscard]] std::optional<int> retry_after_seconds(const Headers& headers) noexcept;

}  // namespace tp::http
