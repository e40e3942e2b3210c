#pragma once

#include <cstddef>
#include <cstdint>
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
};

enum class Type : std::uint8_t { Null, Bool, Integer, Double, String, Array, Object };

class View;

// A parsed JSON text as one flat vector of nodes and one arena of characters, filled by nlohmann's SAX parser.
// Reusing a Document for the next text allocates nothing once it has grown: this is how watch events are read without
// building a tree for each. Not thread-safe; Views are valid until the next parse() or the Document's end.
class Document {
 public:
  // Replaces the content. ResourceExhausted beyond `limits`, DataLoss when it is not JSON (message with the byte offset).
  // Duplicate keys are kept as they came; View::operator[] finds the last one, as encoding/json does.
  [[nodiscard]] Status parse(std::string_view text, const Limits& limits = {});
  [[nodiscard]] View root() const noexcept;  // Null before the first parse

 private:
  friend class View;
  friend class Builder;
  struct Node {
    Type type = Type::Null;
    std::uint32_t key_begin = 0, key_size = 0;  // in chars_; of an object's member
    std::uint32_t end = 0;                      // index after this node's last descendant: siblings are a jump away
    std::uint32_t count = 0;                    // elements or members
    union {
      std::int64_t integer = 0;
      double real;
      struct {
        std::uint32_t begin, size;
      } text;
      bool boolean;
    };
  };
  std::vector<Node> nodes_;
  std::string chars_;
};

// A position in a Document; a small value. A View of something absent is "missing": it answers false, empty and missing
// to everything, so chains such as v["spec"]["replicas"].integer() need no checks in between.
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

  [[nodiscard]] View operator[](std::string_view key) const noexcept;  // member of an object
  [[nodiscard]] std::size_t size() const noexcept;                     // elements or members; 0 for the rest

  // For an object's member, its key.
  [[nodiscard]] std::string_view key() const noexcept;
  // Calls f(View) for each element or member in order.
  template <class F>
  void each(F&& f) const {
    for (View child = first(); child.exists(); child = child.next()) f(child);
  }
  [[nodiscard]] View first() const noexcept;  // first child, or missing
  [[nodiscard]] View next() const noexcept;   // next sibling under the same parent, or missing

  // A copy as nlohmann's tree, for parts that are passed on as they are (resources, affinity). Null when missing.
  [[nodiscard]] nlohmann::json to_json() const;

 private:
  friend class Document;
  View(const Document& document, std::uint32_t index, std::uint32_t limit)
      : document_(&document), index_(index), limit_(limit) {}
  const Document* document_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t limit_ = 0;  // end of the parent's nodes
};

}  // namespace tp::json
