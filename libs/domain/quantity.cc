#include "domain/quantity.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tp::domain {
namespace {

constexpr std::size_t kMaxText = 32;
constexpr int kNano = -9;

enum class Format { DecimalSi, DecimalExponent, BinarySi };

struct Suffix {
  Format format = Format::DecimalSi;
  int exponent = 0;  // of 10, or of 2 for BinarySi
};

struct DecimalSuffix {
  int exponent;
  std::string_view text;
};
constexpr std::array<DecimalSuffix, 10> kDecimalSuffixes{{{-9, "n"},
                                                          {-6, "u"},
                                                          {-3, "m"},
                                                          {0, ""},
                                                          {3, "k"},
                                                          {6, "M"},
                                                          {9, "G"},
                                                          {12, "T"},
                                                          {15, "P"},
                                                          {18, "E"}}};
constexpr std::array<std::string_view, 7> kBinarySuffixes{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& rest) {
  const auto* const end = std::find_if_not(rest.begin(), rest.end(), is_digit);
  const std::string_view digits = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(digits.size());
  return digits;
}

// e5, E-12
std::optional<Suffix> parse_exponent(std::string_view text) {
  text.remove_prefix(1);
  const bool negative = text.substr(0, 1) == "-";
  if (negative || text.substr(0, 1) == "+") text.remove_prefix(1);
  const std::string_view digits = take_digits(text);
  if (digits.empty() || digits.size() > 2 || !text.empty()) return std::nullopt;
  int exponent = 0;
  for (const char digit : digits) exponent = exponent * 10 + (digit - '0');
  return Suffix{Format::DecimalExponent, negative ? -exponent : exponent};
}

std::optional<Suffix> parse_suffix(std::string_view text) {
  for (const DecimalSuffix& decimal : kDecimalSuffixes) {
    if (text == decimal.text) return Suffix{Format::DecimalSi, decimal.exponent};
  }
  const auto* const binary = std::find(kBinarySuffixes.begin(), kBinarySuffixes.end(), text);
  if (binary != kBinarySuffixes.end()) {
    return Suffix{Format::BinarySi, static_cast<int>(binary - kBinarySuffixes.begin()) * 10};
  }
  if (text.front() == 'e' || text.front() == 'E') return parse_exponent(text);
  return std::nullopt;
}

// Arithmetic on decimal digits, most significant first.
void add_one(std::string& digits) {
  const std::size_t last = digits.find_last_not_of('9');
  if (last == std::string::npos) {
    digits.assign(digits.size() + 1, '0');
    digits.front() = '1';
    return;
  }
  ++digits[last];
  std::fill(digits.begin() + static_cast<std::ptrdiff_t>(last) + 1, digits.end(), '0');
}

void double_it(std::string& digits) {
  int carry = 0;
  for (std::size_t i = digits.size(); i > 0; --i) {
    const int value = (digits[i - 1] - '0') * 2 + carry;
    digits[i - 1] = static_cast<char>('0' + value % 10);
    carry = value / 10;
  }
  if (carry != 0) digits.insert(0, 1, '1');
}

struct Amount {
  std::string digits;
  int exponent = 0;

  void normalise() {
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    const std::size_t last = digits.find_last_not_of('0');
    const std::size_t kept = last == std::string::npos ? 0 : last + 1;
    exponent += static_cast<int>(digits.size() - kept);
    digits.resize(kept);
    if (digits.empty()) exponent = 0;
  }
};

// Both normalised.
int compare_amounts(const Amount& a, const Amount& b) {
  if (a.digits.empty() || b.digits.empty()) return (a.digits.empty() ? 0 : 1) - (b.digits.empty() ? 0 : 1);
  const int a_magnitude = static_cast<int>(a.digits.size()) + a.exponent;
  const int b_magnitude = static_cast<int>(b.digits.size()) + b.exponent;
  if (a_magnitude != b_magnitude) return a_magnitude - b_magnitude;
  return a.digits.compare(b.digits);  // no trailing zeros: of equal beginnings the longer one is greater
}

// Whatever is above zero counts as at least 1n.
void round_up_to_nano(Amount& amount) {
  if (amount.digits.empty() || amount.exponent >= kNano) return;
  const int dropped = kNano - amount.exponent;
  const int kept = static_cast<int>(amount.digits.size()) - dropped;
  amount.digits.resize(static_cast<std::size_t>(std::max(kept, 0)));
  add_one(amount.digits);  // normalised: what was dropped was not zero
  amount.exponent = kNano;
  amount.normalise();
}

std::string write_decimal(const Amount& amount, Format format) {
  std::string text = amount.digits;
  int exponent = amount.exponent;
  for (; exponent % 3 != 0; --exponent) text += '0';
  if (format == Format::DecimalExponent) {
    return exponent == 0 ? text : text.append("e").append(std::to_string(exponent));
  }
  // Beyond E the API server's table ends and it writes no suffix; we have to write what it writes.
  for (const DecimalSuffix& suffix : kDecimalSuffixes) {
    if (suffix.exponent == exponent) text += suffix.text;
  }
  return text;
}

// `amount` is whole and at most 2^63-1.
std::string write_binary(const Amount& amount) {
  std::uint64_t value = 0;
  for (const char digit : amount.digits) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  for (int i = 0; i < amount.exponent; ++i) value *= 10;
  std::size_t times = 0;
  while (value % 1024 == 0 && times + 1 < kBinarySuffixes.size()) {
    value /= 1024;
    ++times;
  }
  return std::to_string(value).append(kBinarySuffixes[times]);
}

// apimachinery's ParseQuantity keeps the text of what it takes for canonical already, which is a little more
// than is. `number` and `fraction` are the digits around the point, `number` without leading zeros but never
// empty.
bool stays_as_typed(std::string_view number, std::string_view fraction, const Suffix& suffix) {
  const std::string digits = std::string{number}.append(fraction);
  const int size = static_cast<int>(digits.size());
  if (suffix.format == Format::BinarySi) {
    int low = 0;  // of the number, modulo 8: its last three digits decide
    for (const char digit : number.substr(number.size() - std::min<std::size_t>(number.size(), 3))) {
      low = low * 10 + (digit - '0');
    }
    return fraction.empty() && size + suffix.exponent * 3 / 10 < 15 && low % 8 != 0;
  }
  const int scale = suffix.exponent - static_cast<int>(fraction.size());
  return size <= 18 && scale >= kNano && scale % 3 == 0 && digits.front() != '0' &&
         (size < 3 || digits.compare(digits.size() - 3, 3, "000") != 0);
}

Amount amount_of(std::string digits, std::size_t fraction, const Suffix& suffix) {
  Amount amount{std::move(digits), -static_cast<int>(fraction)};
  if (suffix.format != Format::BinarySi) {
    amount.exponent += suffix.exponent;
    amount.normalise();
    round_up_to_nano(amount);
    return amount;
  }
  for (int i = 0; i < suffix.exponent; ++i) double_it(amount.digits);
  amount.normalise();
  round_up_to_nano(amount);
  const Amount most{"9223372036854775807", 0};
  return compare_amounts(amount, most) > 0 ? most : amount;
}

bool writes_binary(const Amount& amount, Format format) {
  return format == Format::BinarySi && amount.exponent >= 0 &&
         compare_amounts(amount, Amount{"1024", 0}) >= 0;
}

}  // namespace

std::optional<Quantity> Quantity::parse(std::string_view text) {
  if (text.size() > kMaxText) return std::nullopt;
  std::string_view rest = text;
  std::string_view number = take_digits(rest);
  std::string_view fraction;
  if (rest.substr(0, 1) == ".") {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
    if (fraction.empty()) return std::nullopt;
  } else if (number.empty()) {
    return std::nullopt;
  }
  const std::optional<Suffix> suffix = parse_suffix(rest);
  if (!suffix) return std::nullopt;

  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  if (number.empty()) number = "0";
  Amount amount = amount_of(std::string{number}.append(fraction), fraction.size(), *suffix);
  Quantity quantity;
  if (amount.digits.empty()) {
    quantity.canonical_ = "0";
  } else if (stays_as_typed(number, fraction, *suffix)) {
    quantity.canonical_ = text;
  } else if (writes_binary(amount, suffix->format)) {
    quantity.canonical_ = write_binary(amount);
  } else {
    quantity.canonical_ = write_decimal(amount, suffix->format);
  }
  quantity.digits_ = std::move(amount.digits);
  quantity.exponent_ = amount.exponent;
  return quantity;
}

int Quantity::compare(const Quantity& other) const {
  return compare_amounts(Amount{digits_, exponent_}, Amount{other.digits_, other.exponent_});
}

}  // namespace tp::domain
