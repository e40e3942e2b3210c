#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <nlohmann/json.hpp>

#include "json/errors.h"
#include "json/parse.h"

namespace tp::json {
namespace {

// What a byte means inside a string.
enum class Byte : std::uint8_t { Plain, Control, Quote, Backslash, Lead2, Lead3, Lead4, NotUtf8 };

constexpr std::array<Byte, 256> kBytes = [] {
  std::array<Byte, 256> table{};
  const auto fill = [&](unsigned from, unsigned to, Byte byte) {
    for (unsigned c = from; c <= to; ++c) table[c] = byte;
  };
  fill(0x00, 0x1F, Byte::Control);
  fill(0x20, 0x7F, Byte::Plain);
  fill(0x80, 0xFF, Byte::NotUtf8);
  fill(0xC2, 0xDF, Byte::Lead2);
  fill(0xE0, 0xEF, Byte::Lead3);
  fill(0xF0, 0xF4, Byte::Lead4);
  table['"'] = Byte::Quote;
  table['\\'] = Byte::Backslash;
  return table;
}();

// A recursive descent over RFC 8259 that accepts what nlohmann's parser does and is several times as fast,
// because it keeps nothing. Each function takes what it is named after off the front of the text, or is false
// and leaves the position where the text went wrong.
class Checker {
 public:
  Checker(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  Status run() {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    if (value()) {
      space();
      if (at_ == text_.size()) return ok();
    }
    return depth_ > limits_.depth ? too_deep(limits_) : not_json(at_ + 1, "syntax error");
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) { return peek() == c && at_ < text_.size() ? (++at_, true) : false; }
  bool take(std::string_view word) {
    return text_.substr(at_, word.size()) == word ? (at_ += word.size(), true) : false;
  }
  void space() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++at_;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the limits allow
  bool value() {
    space();
    switch (peek()) {
      case '{': return container('}', true);
      case '[': return container(']', false);
      case '"': return string();
      case 't': return take("true");
      case 'f': return take("false");
      case 'n': return take("null");
      default: return number();
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion)
  bool container(char end, bool members) {
    ++at_;
    if (++depth_ > limits_.depth) return false;
    space();
    if (!take(end)) {
      do {
        space();
        if (members && !(string() && (space(), take(':')))) return false;
        if (!value()) return false;
        space();
      } while (take(','));
      if (!take(end)) return false;
    }
    --depth_;
    return true;
  }

  // Skips plain bytes, eight at once: most of a payload are such.
  void plain() {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::uint64_t kHighs = 0x80 * kOnes;
    // Marks the bytes below `limit` with their high bits: exact up to the first one, of bytes without a high
    // bit.
    const auto below = [](std::uint64_t bytes, std::uint64_t limit) {
      return (bytes - kOnes * limit) & ~bytes & kHighs;
    };
    for (std::uint64_t eight = 0; text_.size() - at_ >= sizeof eight; at_ += sizeof eight) {
      std::memcpy(&eight, text_.data() + at_, sizeof eight);
      const std::uint64_t marks = (eight & kHighs) | below(eight, ' ') | below(eight ^ (kOnes * '"'), 1) |
                                  below(eight ^ (kOnes * '\\'), 1);
      if (marks == 0) continue;
      // The first one; with the other byte order string() finds it.
      if constexpr (std::endian::native == std::endian::little) {
        at_ += static_cast<std::size_t>(std::countr_zero(marks)) / 8;
      }
      return;
    }
  }

  bool string() {
    if (!take('"')) return false;
    while (at_ < text_.size()) {
      plain();
      if (at_ == text_.size()) return false;
      switch (kBytes[static_cast<unsigned char>(text_[at_])]) {
        case Byte::Plain: ++at_; break;
        case Byte::Quote: ++at_; return true;
        case Byte::Backslash:
          if (!escape()) return false;
          break;
        case Byte::Lead2:
          if (!sequence(2)) return false;
          break;
        case Byte::Lead3:
          if (!sequence(3)) return false;
          break;
        case Byte::Lead4:
          if (!sequence(4)) return false;
          break;
        case Byte::Control:
        case Byte::NotUtf8: return false;
      }
    }
    return false;
  }

  // A UTF-8 sequence of `size` bytes whose first one has been judged.
  bool sequence(std::size_t size) {
    const std::string_view bytes = text_.substr(at_, size);
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() < size) return false;
    for (std::size_t i = 1; i < size; ++i) {
      if ((byte(i) & 0xC0U) != 0x80U) return false;
    }
    // Overlong forms, surrogates, and what is beyond U+10FFFF.
    if ((byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) > 0x9F) ||
        (byte(0) == 0xF0 && byte(1) < 0x90) || (byte(0) == 0xF4 && byte(1) > 0x8F))
      return false;
    at_ += size;
    return true;
  }

  bool escape() {
    constexpr std::string_view kSimple = R"("\/bfnrt)";
    ++at_;
    if (at_ < text_.size() && kSimple.find(text_[at_]) != std::string_view::npos) return ++at_, true;
    unsigned unit = 0;
    if (!unicode_escape(unit)) return false;
    const bool high = unit >= 0xD800 && unit <= 0xDBFF;
    if (!high) return unit < 0xDC00 || unit > 0xDFFF;
    return take('\\') && unicode_escape(unit) && unit >= 0xDC00 && unit <= 0xDFFF;
  }

  bool unicode_escape(unsigned& unit) {
    constexpr std::size_t kDigits = 4;
    if (!take('u')) return false;
    unit = 0;
    for (std::size_t i = 0; i < kDigits; ++i, ++at_) {
      const char c = peek();
      const bool decimal = c >= '0' && c <= '9';
      if (!decimal && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) return false;
      const auto digit = static_cast<unsigned char>(c);
      unit = unit * 16 + (decimal ? digit - '0' : (digit | 0x20U) - 'a' + 10U);
    }
    return true;
  }

  bool digits() {
    const std::size_t before = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > before;
  }

  bool number() {
    // 10^308 is the largest power of ten that a double holds.
    constexpr std::size_t kSurelyFinite = 300;
    const std::size_t before = at_;
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    const bool exponent = take('e') || take('E');
    if (exponent) {
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    if (!exponent && at_ - before <= kSurelyFinite) return true;
    const std::string_view text = text_.substr(before, at_ - before);
    return nlohmann::json::accept(text.begin(), text.end());
  }

  const std::string_view text_;
  const Limits& limits_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

Status check(std::string_view text, const Limits& limits) {
  TP_TRY(check_text(text, limits));
  return Checker{text, limits}.run();
}

}  // namespace tp::json
