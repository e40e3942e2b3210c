#include "crypto/hmac.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "crypto/encoding.h"
#include "support/catch.h"

namespace tp::crypto {
namespace {

TEST_CASE("HMAC gives RFC 4231's test cases") {
  struct Case {
    std::string key, text, sha256, sha512;
  };
  std::string counting;
  for (char c = 1; c <= 25; ++c) counting.push_back(c);
  const std::string long_key(131, '\xaa');
  const std::array cases{
      Case{std::string(20, '\x0b'), "Hi There",
           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
           "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
           "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
      Case{"Jefe", "what do ya want for nothing?",
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
           "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
           "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
      Case{std::string(20, '\xaa'), std::string(50, '\xdd'),
           "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
           "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
           "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"},
      Case{counting, std::string(50, '\xcd'),
           "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
           "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
           "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
      Case{long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
           "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
           "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
      Case{long_key,
           "This is a test using a larger than block-size key and a larger than block-size data. The key "
           "needs to be "
           "hashed before being used by the HMAC algorithm.",
           "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
           "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
           "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    const std::array<std::string_view, 1> whole{c.text};
    CHECK(to_hex(hmac_sha256(c.key, whole)) == c.sha256);
    CHECK(to_hex(hmac_sha512(c.key, whole)) == c.sha512);
    for (std::size_t cut = 0; cut <= c.text.size(); ++cut) {
      const std::string_view text = c.text;
      const std::array parts{text.substr(0, cut), std::string_view{}, text.substr(cut)};
      CHECK(to_hex(hmac_sha256(c.key, parts)) == c.sha256);
    }
  }
}

TEST_CASE("an empty key is zeros, and no text is the empty text") {
  // The same as with `printf '' | openssl dgst -sha256 -hmac ''`.
  const std::string empty = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
  CHECK(to_hex(hmac_sha256("", {})) == empty);
  const std::string block(64, '\0');
  CHECK(to_hex(hmac_sha256(block, {})) == empty);
}

TEST_CASE("threads do not disturb each other") {
  std::array<bool, 4> same{};
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < same.size(); ++t) {
      threads.emplace_back([&same, t] {
        const std::string key(t + 1, 'k');
        const std::string text(t * 100, 't');
        const std::array<std::string_view, 1> parts{text};
        const Sha256Digest first = hmac_sha256(key, parts);
        bool equal = true;
        for (int i = 0; i < 500; ++i) equal = equal && hmac_sha256(key, parts) == first;
        same.at(t) = equal;
      });
    }
  }
  CHECK(same == std::array{true, true, true, true});
}

}  // namespace
}  // namespace tp::crypto
