#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "json/document.h"
#include "json/parse.h"

// Properties: Document, the tree parser and check() accept the same texts, and what a walk over the Document
// gives is the tree, before and after it went through dump().
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  static tp::json::Document document;                                      // reused, as the program does
  const bool accepted = document.parse(text).has_value();
  const auto tree = tp::json::parse(text);
  if (accepted != tree.has_value() || accepted != tp::json::check(text).has_value()) std::abort();
  if (document.root().exists() != accepted) std::abort();
  if (!accepted) return 0;
  if (document.root().to_json() != *tree) std::abort();
  const auto again = tp::json::parse(tp::json::dump(document.root().to_json()));
  if (!again || *again != *tree) std::abort();
  return 0;
}
