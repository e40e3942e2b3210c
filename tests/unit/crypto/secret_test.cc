#include "crypto/secret.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "support/catch.h"

namespace tp::crypto {
namespace {

template <class T>
concept Printable = requires(std::ostream& os, const T& value) {
  os << value;
};

static_assert(!Printable<Secret>);
static_assert(!std::equality_comparable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> &&
              !std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);

// Short enough to live inside the string object itself, where a test may still look after the destructor ran.
constexpr std::string_view kShort = "hunter2hunter2";

bool holds(const std::array<char, sizeof(Secret)>& memory, std::string_view text) {
  return std::search(memory.begin(), memory.end(), text.begin(), text.end()) != memory.end();
}

TEST_CASE("a Secret holds, copies and moves its bytes") {
  Secret a{"one"};
  Secret b = a;
  CHECK(b.reveal() == "one");
  Secret c = std::move(a);
  CHECK(c.reveal() == "one");
  b = Secret{"two, which is much longer than what fits inside a string object"};
  c = b;
  CHECK(c.equals(b));
  c = std::move(b);
  CHECK(c.reveal() == "two, which is much longer than what fits inside a string object");
  auto& same = c;
  c = same;
  CHECK_FALSE(c.empty());
  CHECK(Secret{}.empty());
}

TEST_CASE("equality needs the same length and bytes") {
  CHECK(Secret{"abc"}.equals(Secret{"abc"}));
  CHECK_FALSE(Secret{"abc"}.equals(Secret{"abd"}));
  CHECK_FALSE(Secret{"abc"}.equals(Secret{"ab"}));
  CHECK_FALSE(Secret{"abc"}.equals(Secret{}));
  CHECK(Secret{}.equals(Secret{}));
  CHECK_FALSE(Secret{{"a\0b", 3}}.equals(Secret{{"a\0c", 3}}));
}

TEST_CASE("the bytes are gone after destruction, move and assignment") {
  alignas(Secret) std::array<char, sizeof(Secret)> memory{};
  auto* const secret = new (memory.data()) Secret{std::string{kShort}};
  REQUIRE(holds(memory, kShort));

  SECTION("destruction") { std::destroy_at(secret); }
  SECTION("move out") {
    const Secret taken = std::move(*secret);
    CHECK(taken.reveal() == kShort);
    CHECK_FALSE(holds(memory, kShort));
    std::destroy_at(secret);
  }
  SECTION("assignment of something shorter") {
    *secret = Secret{"x"};
    CHECK_FALSE(holds(memory, kShort.substr(2)));
    std::destroy_at(secret);
  }
  CHECK_FALSE(holds(memory, kShort.substr(2)));
}

}  // namespace
}  // namespace tp::crypto
