#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tp::domain {

// A Kubernetes resource.Quantity that is not negative: "500m", "1.5Gi", "12e6". It exists because the API
// server rewrites quantities in canonical form ("1000m" becomes "1", "1024Mi" becomes "1Gi"), and a wish that
// is compared with the live object has to be written the same way, or the two differ for ever.
class Quantity {
 public:
  // [digits][.digits][suffix], where the suffix is one of n u m k M G T P E, Ki to Ei, or an exponent of one
  // or two digits; at most 32 characters. Nothing when it is not one. A sign is not accepted: resources are
  // not negative.
  [[nodiscard]] static std::optional<Quantity> parse(std::string_view text);

  // As apimachinery 0.34 to 0.37 writes it, oddities included: a decimal with three, six or nine digits after
  // the point ("1.500") and leading zeros ("0100m") stay as they were typed; amounts below 1n are rounded up
  // to it; binary amounts stop at 2^63-1.
  [[nodiscard]] const std::string& canonical() const noexcept { return canonical_; }

  // Below, at or above zero as the amount is less than, equal to or more than the other's: 1Gi equals 1024Mi.
  [[nodiscard]] int compare(const Quantity& other) const;
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.compare(b) == 0; }
  friend bool operator<(const Quantity& a, const Quantity& b) { return a.compare(b) < 0; }
  friend bool operator>(const Quantity& a, const Quantity& b) { return a.compare(b) > 0; }

 private:
  Quantity() = default;

  // The amount is digits × 10^exponent, exactly. Decimal text, since 32 digits with an exponent of 99 fit no
  // machine word.
  std::string digits_;  // without leading or trailing zeros; empty is zero
  int exponent_ = 0;
  std::string canonical_;
};

}  // namespace tp::domain
