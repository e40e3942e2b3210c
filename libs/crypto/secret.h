#pragma once

#include <string>
#include <string_view>

namespace tp::crypto {

// A credential in memory. Cannot be printed, logged or compared by accident; its bytes are wiped when it
// goes. Copying copies the bytes (each copy wipes its own). Not synchronised: share a const one.
class Secret {
 public:
  Secret() = default;
  // Takes the bytes over and wipes what a move leaves behind in the parameter (short strings are copied by
  // it).
  explicit Secret(std::string value);
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // The bytes, for the one place that sends or signs with them. The name is meant to stand out in a review.
  [[nodiscard]] std::string_view reveal() const noexcept { return value_; }
  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  // In constant time for equal lengths.
  [[nodiscard]] bool equals(const Secret& other) const noexcept;

 private:
  std::string value_;
};

}  // namespace tp::crypto
