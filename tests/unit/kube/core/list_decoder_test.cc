#include "kube/core/list_decoder.h"

#include <string>
#include <vector>

#include "support/catch.h"

namespace tp::kube {
namespace {

struct Decoded {
  std::vector<std::string> items;
  ErrorCode error{};
  std::optional<ListMetadata> metadata;
};

Decoded decode(const std::vector<std::string_view>& chunks, std::size_t max_item = 1024) {
  Decoded out;
  ListDecoder decoder{max_item};
  for (const auto chunk : chunks) {
    const Status fed = decoder.feed(chunk, [&](std::string_view item) { out.items.emplace_back(item); });
    if (!fed) {
      out.error = fed.error().code;
      return out;
    }
  }
  auto metadata = decoder.finish();
  if (metadata) {
    out.metadata = *std::move(metadata);
  } else {
    out.error = metadata.error().code;
  }
  return out;
}

constexpr std::string_view kList = R"({"kind":"DeploymentList","apiVersion":"apps/v1",
 "metadata":{"resourceVersion":"12","continue":"to]ken","remainingItemCount":3},"n": -1.5e3 ,"b":true,
 "items":[ {"a":"}]\"\\"},
 {"b":[{"items":[1]},{}],"metadata":{}} ,{}], "other":{"items":[{"x":1}]} })";

TEST_CASE("ListDecoder: chunk borders do not matter", "[kube]") {
  const std::vector<std::string> want{R"({"a":"}]\"\\"})", R"({"b":[{"items":[1]},{}],"metadata":{}})", "{}"};
  for (std::size_t cut = 0; cut <= kList.size(); ++cut) {
    CAPTURE(cut);
    const Decoded got = decode({kList.substr(0, cut), kList.substr(cut)});
    CHECK(got.items == want);
    REQUIRE(got.metadata);
    CHECK(got.metadata->resource_version == "12");
    CHECK(got.metadata->continue_token == "to]ken");
    CHECK(got.metadata->remaining == 3);
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < kList.size(); ++i) bytes.push_back(kList.substr(i, 1));
  CHECK(decode(bytes).items == want);
}

TEST_CASE("ListDecoder: metadata may follow the items", "[kube]") {
  const Decoded got = decode({R"({"items":[{"a":1}],"metadata":{"resourceVersion":"5"}})"});
  CHECK(got.items.size() == 1);
  REQUIRE(got.metadata);
  CHECK(got.metadata->resource_version == "5");
  CHECK(got.metadata->continue_token.empty());
  CHECK_FALSE(got.metadata->remaining);
}

TEST_CASE("ListDecoder: no items", "[kube]") {
  for (const auto* const items : {"[]", "[ ]", "null"}) {
    const std::string text = R"({"metadata":{"resourceVersion":"5"},"items":)" + std::string{items} + "}\n";
    const Decoded got = decode({text});
    CHECK(got.items.empty());
    CHECK(got.metadata);
  }
}

TEST_CASE("ListDecoder: a list that ends early is not a list", "[kube]") {
  for (std::size_t cut = 0; cut < kList.rfind('}'); ++cut) {
    CAPTURE(cut);
    CHECK(decode({kList.substr(0, cut)}).error == ErrorCode::DataLoss);
  }
}

TEST_CASE("ListDecoder: what is not a list", "[kube]") {
  for (const auto* const text :
       {"[]", "1", "{]", R"({"items":{}})", R"({"items":[1]})", R"({"items":[{},]})", R"({"items":[,{}]})",
        R"({"items":[{}{}]})", R"({"items":["a"]})", R"({"items":[{}})", R"({"a":1,})", R"({"a" 1})",
        R"({"a":})", R"({"metadata":{"resourceVersion":"1"}}x)",
        R"({"metadata":{"resourceVersion":"1"},"items":[]}{)", R"({"items":[]})",
        R"({"metadata":{"resourceVersion":1]},"items":[]})"}) {
    CAPTURE(text);
    const Decoded got = decode({text});
    CHECK_FALSE(got.metadata);
    CHECK(got.error == ErrorCode::DataLoss);
  }
}

TEST_CASE("ListDecoder: items and metadata are bounded, the list is not", "[kube]") {
  std::string text = R"({"metadata":{"resourceVersion":"1"},"items":[{"a":"1234567890"})";
  for (int i = 0; i < 1000; ++i) text += R"(,{"a":"1234567890"})";
  text += "]}";
  CHECK(decode({text}, 28).items.size() == 1001);
  CHECK(decode({text}, 28).metadata);

  const std::string item = R"({"a":"1234567890"})";
  const std::string one = R"({"items":[)" + item + R"(],"metadata":{"resourceVersion":"1"}})";
  CHECK(decode({one}, item.size() - 1).error == ErrorCode::ResourceExhausted);
  const std::string_view view{one};
  CHECK(decode({view.substr(0, 15), view.substr(15)}, item.size() - 1).error == ErrorCode::ResourceExhausted);
  CHECK(decode({one}, item.size()).items.size() == 1);
  // An endless item is refused before its end.
  ListDecoder decoder{64};
  CHECK(decoder.feed(R"({"items":[{"a":")" + std::string(65, 'x'), [](std::string_view) {}).error().code ==
        ErrorCode::ResourceExhausted);
}

}  // namespace
}  // namespace tp::kube
