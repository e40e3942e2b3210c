#include "crypto/sha256.h"

#include <array>
#include <string>

#include "crypto/encoding.h"
#include "support/catch.h"

namespace tp::crypto {
namespace {

TEST_CASE("SHA-256 gives NIST's example values") {
  struct Case {
    std::string text, digest;
  };
  // FIPS 180-2 appendix B, and the empty message of NIST's CAVP short message file.
  const std::array cases{
      Case{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      Case{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      Case{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      Case{std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text.size());
    CHECK(to_hex(sha256(c.text)) == c.digest);
  }
}

}  // namespace
}  // namespace tp::crypto
