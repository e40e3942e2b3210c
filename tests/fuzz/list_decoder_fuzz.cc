#include "kube/core/list_decoder.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/parse.h"

namespace {

struct Decoded {
  std::vector<std::string> items;
  bool good = false;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(std::string_view a, std::string_view b) {
  Decoded out;
  tp::kube::ListDecoder decoder{std::size_t{1} << 20U};
  for (const auto part : {a, b}) {
    if (!decoder.feed(part, [&](std::string_view item) { out.items.emplace_back(item); })) return out;
  }
  out.good = decoder.finish().has_value();
  return out;
}

// What the decoder must find in a text that a full parser takes for a list; nothing when it is none, or when
// a key occurs twice or is written with an escape, where the two may differ.
const nlohmann::json* items_of(const nlohmann::json& list, std::string_view text) {
  if (!list.is_object() || text.find("\\u") != std::string_view::npos) return nullptr;
  const auto metadata = list.find("metadata");
  if (metadata == list.end() || !metadata->is_object()) return nullptr;
  const auto version = metadata->find("resourceVersion");
  if (version == metadata->end() || !version->is_string() || version->get_ref<const std::string&>().empty()) {
    return nullptr;
  }
  const auto items = list.find("items");
  if (items == list.end() || !items->is_array()) return nullptr;
  for (const auto& item : *items) {
    if (!item.is_object()) return nullptr;
  }
  const auto once = [&](std::string_view key) { return text.find(key) == text.rfind(key); };
  return once("\"items\"") && once("\"metadata\"") && once("\"resourceVersion\"") ? &*items : nullptr;
}

}  // namespace

// Properties: however the input is cut in two, the items are the same; and of what a full parser takes for a
// list they are the elements of its items.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  const std::size_t cut = size == 0 ? 0 : data[size / 2] % size;
  const Decoded decoded = decode(text, {});
  if (decoded != decode(text.substr(0, cut), text.substr(cut))) std::abort();

  const auto list = tp::json::parse(text);
  if (!list) return 0;
  const nlohmann::json* const items = items_of(*list, text);
  if (items == nullptr) return 0;
  if (!decoded.good || decoded.items.size() != items->size()) std::abort();
  for (std::size_t i = 0; i < items->size(); ++i) {
    const auto item = tp::json::parse(decoded.items[i]);
    if (!item || *item != (*items)[i]) std::abort();
  }
  return 0;
}
