#include "crypto/encoding.h"

#include <array>
#include <string>

#include "support/catch.h"

namespace tp::crypto {
namespace {

TEST_CASE("to_hex writes each byte as two lower-case digits") {
  const std::array bytes{std::byte{0x00}, std::byte{0x0f}, std::byte{0xf0}, std::byte{0xab}};
  CHECK(to_hex(bytes) == "000ff0ab");
  CHECK(to_hex({}).empty());
}

TEST_CASE("from_hex reads pairs of digits in either case and nothing else") {
  CHECK(from_hex("000ff0aB") == std::string("\0\x0f\xf0\xab", 4));
  CHECK(from_hex("") == "");
  for (const std::string_view text :
       {"0", "000", "0x00", "0g", "g0", " 00", "00 ", "`0", "@0", "G0", "/0", ":0"}) {
    CAPTURE(text);
    CHECK_FALSE(from_hex(text));
  }
}

TEST_CASE("Base64 gives RFC 4648's test vectors both ways") {
  struct Case {
    std::string bytes, text;
  };
  const std::array cases{Case{"", ""},
                         Case{"f", "Zg=="},
                         Case{"fo", "Zm8="},
                         Case{"foo", "Zm9v"},
                         Case{"foob", "Zm9vYg=="},
                         Case{"fooba", "Zm9vYmE="},
                         Case{"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    CAPTURE(text);
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
}

TEST_CASE("every byte survives Base64 in every position") {
  for (int value = 0; value < 256; ++value) {
    for (std::size_t length = 1; length <= 6; ++length) {
      const std::string bytes(length, static_cast<char>(value));
      CHECK(from_base64(to_base64(bytes)) == bytes);
    }
  }
}

TEST_CASE("Base64 is strict: one text for one sequence of bytes") {
  for (const std::string_view text :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9vY", "Zm 9v===", "Zg==\n",
        "Zh==", "Zm9=", "Z=g=", "Zm-_", "Zg==Zg==", "Zm9v====", "\xff\xff\xff\xff"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text));
  }
}

TEST_CASE("equal_constant_time needs the same length and bytes") {
  const std::array bytes{std::byte{'a'}, std::byte{0}, std::byte{'b'}};
  CHECK(equal_constant_time({"a\0b", 3}, bytes));
  CHECK_FALSE(equal_constant_time({"a\0c", 3}, bytes));
  CHECK_FALSE(equal_constant_time({"a\0b\0", 4}, bytes));
  CHECK_FALSE(equal_constant_time("a", bytes));
  CHECK(equal_constant_time("", {}));
}

}  // namespace
}  // namespace tp::crypto
