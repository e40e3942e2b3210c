#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace tp::json {

struct Limits {
  std::size_t bytes = std::size_t{4} << 20U;
  std::size_t depth = 64;  // nested arrays and objects; deeper input is refused before it can exhaust a stack
  // Of a Document only. A value takes 32 bytes there and may come as two ("0,"): without a bound a text can
  // become sixteen times its size, and more while the vector of them grows.
  std::size_t values = std::numeric_limits<std::size_t>::max();
};

enum class Type : std::uint8_t { Null, Bool, Integer, Double, String, Array, Object };

class View;

// A parsed JSON text as one flat vector of nodes and one arena of characters, filled by nlohmann's SAX
// parser. Reusing a Document for the next text allocates nothing here once it has grown: this is how watch
// events are read without building a tree for each. Not thread-safe; Views are valid until the next parse()
// or the Document's end.
class Document {
 public:
  // Replaces the content. ResourceExhausted beyond `limits`, DataLoss when it is not JSON. The message gives
  // the byte offset and never quotes the text, which may hold a secret. After an error the Document is empty.
  // Duplicate keys are kept as they came; View::operator[] finds the last one, as encoding/json does.
  // An integer that does not fit into 64 signed bits becomes a Double.
  [[nodiscard]] Status parse(std::string_view text, const Limits& limits = {});
  [[nodiscard]] View root() const noexcept;  // missing before the first successful parse

 private:
  friend class View;
  class Builder;

  // In document order: a container's node is followed by all of its descendants.
  struct Range {
    std::uint32_t begin, size;  // of chars_
  };
  struct Node {  // NOLINT(cppcoreguidelines-pro-type-member-init): it wants every member of the union
    Type type = Type::Null;
    Range key{0, 0};          // of an object's member
    std::uint32_t end = 0;    // index after the last descendant: the next sibling is one jump away
    std::uint32_t count = 0;  // elements or members
    union {
      std::int64_t integer = 0;
      double real;
      Range text;
      bool boolean;
    };
  };
  std::vector<Node> nodes_;
  std::string chars_;
};

// A position in a Document; a small value. A View of something absent is "missing": it answers false, empty
// and missing to everything, so chains such as v["spec"]["replicas"].integer() need no checks in between.
class View {
 public:
  View() = default;

  [[nodiscard]] bool exists() const noexcept { return document_ != nullptr; }
  explicit operator bool() const noexcept { return exists(); }
  [[nodiscard]] Type type() const noexcept;  // Null when missing
  [[nodiscard]] bool is(Type type) const noexcept { return exists() && this->type() == type; }

  [[nodiscard]] std::optional<std::string_view> string() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> integer() const noexcept;
  [[nodiscard]] std::optional<double> number() const noexcept;  // integers too
  [[nodiscard]] std::optional<bool> boolean() const noexcept;
  // The string, or empty: for optional texts where "" and absent mean the same.
  [[nodiscard]] std::string_view text() const noexcept { return string().value_or(std::string_view{}); }

  [[nodiscard]] View operator[](
      std::string_view key) const noexcept;         // member of an object; linear in its members
  [[nodiscard]] std::size_t size() const noexcept;  // elements or members; 0 for the rest

  // For an object's member, its key; else empty.
  [[nodiscard]] std::string_view key() const noexcept;
  // Calls f(View) for each element or member in order.
  template <class F>
  void each(F&& f) const {
    for (View child = first(); child.exists(); child = child.next()) f(child);
  }
  [[nodiscard]] View first() const noexcept;  // first child, or missing
  [[nodiscard]] View next() const noexcept;   // next sibling under the same parent, or missing

  // A copy as nlohmann's tree, for parts that are passed on as they are (resources, affinity). Null when
  // missing. Recursive: its depth is what Limits allowed.
  [[nodiscard]] nlohmann::json to_json() const;

 private:
  friend class Document;
  View(const Document& document, std::uint32_t index, std::uint32_t limit) noexcept
      : document_(&document), index_(index), limit_(limit) {}
  [[nodiscard]] const Document::Node& node() const noexcept { return document_->nodes_[index_]; }
  [[nodiscard]] std::string_view chars(Document::Range range) const noexcept {
    return {document_->chars_.data() + range.begin, range.size};
  }

  const Document* document_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t limit_ = 0;  // end of the parent's nodes
};

}  // namespace tp::json
