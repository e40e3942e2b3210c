#include "kube/core/watch_decoder.h"

#include <string>
#include <vector>

#include "support/catch.h"

namespace tp::kube {
namespace {

std::vector<std::string> decode(const std::vector<std::string>& chunks) {
  WatchDecoder d{1024};
  std::vector<std::string> out;
  for (const auto& c : chunks) {
    REQUIRE(d.feed(c));
    d.drain([&](std::string_view l) { out.emplace_back(l); });
  }
  return out;
}

TEST_CASE("WatchDecoder: chunk borders do not matter", "[kube]") {
  const std::string all = "{\"a\":1}\n{\"b\":2}\r\n\n{\"c\":3}\n";
  const std::vector<std::string> want{"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"};
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    CHECK(decode({all.substr(0, cut), all.substr(cut)}) == want);
  }
}

TEST_CASE("WatchDecoder: an over-long line is refused", "[kube]") {
  WatchDecoder d{8};
  CHECK(d.feed("1234567\n1234567\n"));
  CHECK(d.feed("12345678"));
  CHECK(d.feed("9").error().code == ErrorCode::ResourceExhausted);
}

}  // namespace
}  // namespace tp::kube
