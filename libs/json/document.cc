#include "json/document.h"

#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/errors.h"

namespace tp::json {

// Receives nlohmann's SAX events (the names are its interface). While a container is open its `end` holds the
// index of the container around it, so no stack is needed beside the nodes.
class Document::Builder {
 public:
  Builder(Document& document, const Limits& limits)
      : nodes_(document.nodes_), chars_(document.chars_), limits_(limits) {}

  bool null() { return leaf(Type::Null), fits(); }
  bool boolean(bool value) { return leaf(Type::Bool).boolean = value, fits(); }
  bool number_integer(std::int64_t value) { return leaf(Type::Integer).integer = value, fits(); }
  bool number_unsigned(std::uint64_t value) {
    if (std::in_range<std::int64_t>(value)) return number_integer(static_cast<std::int64_t>(value));
    return number_float(static_cast<double>(value), {});
  }
  bool number_float(double value, const std::string& /*text*/) {
    return leaf(Type::Double).real = value, fits();
  }
  bool string(const std::string& value) {
    const Range range = store(value);
    return leaf(Type::String).text = range, fits();
  }
  bool binary(const nlohmann::json::binary_t& /*value*/) { return false; }  // not in JSON text
  bool key(const std::string& value) { return key_ = store(value), true; }

  bool start_object(std::size_t /*size*/) { return open(Type::Object); }
  bool start_array(std::size_t /*size*/) { return open(Type::Array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool parse_error(std::size_t offset, const std::string& /*token*/, const nlohmann::json::exception& e) {
    error_ = not_json(offset, e);
    return false;
  }

  [[nodiscard]] Error take_error() { return std::move(error_); }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  Node& leaf(Type type) {
    if (parent_ != kNone) ++nodes_[parent_].count;
    Node& node = nodes_.emplace_back();
    node.type = type;
    node.key = std::exchange(key_, Range{0, 0});
    node.end = size();
    return node;
  }

  bool open(Type type) {
    if (++depth_ > limits_.depth) {
      error_ = too_deep(limits_);
      return false;
    }
    leaf(type).end = parent_;
    parent_ = size() - 1;
    return fits();
  }

  bool fits() {
    if (nodes_.size() <= limits_.values) return true;
    error_ = too_many(limits_);
    return false;
  }

  bool close() {
    --depth_;
    parent_ = std::exchange(nodes_[parent_].end, size());
    return true;
  }

  // 32 bits are enough: Document::parse bounds the text, and there is at most one node or character for each
  // byte of it.
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()); }
  Range store(const std::string& value) {
    const Range range{static_cast<std::uint32_t>(chars_.size()), static_cast<std::uint32_t>(value.size())};
    chars_ += value;
    return range;
  }

  std::vector<Node>& nodes_;
  std::string& chars_;
  const Limits& limits_;
  std::size_t depth_ = 0;
  std::uint32_t parent_ = kNone;  // the innermost open container
  Range key_{0, 0};               // of the member whose value comes next
  Error error_{ErrorCode::Internal, "JSON parser stopped without saying why"};
};

Status Document::parse(std::string_view text, const Limits& limits) {
  nodes_.clear();
  chars_.clear();
  TP_TRY(check_text(text, limits));
  Builder builder{*this, limits};
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return ok();
  nodes_.clear();
  return builder.take_error();
}

View Document::root() const noexcept {
  return nodes_.empty() ? View{} : View{*this, 0, static_cast<std::uint32_t>(nodes_.size())};
}

Type View::type() const noexcept { return exists() ? node().type : Type::Null; }

std::optional<std::string_view> View::string() const noexcept {
  if (!is(Type::String)) return std::nullopt;
  return chars(node().text);
}

std::optional<std::int64_t> View::integer() const noexcept {
  if (!is(Type::Integer)) return std::nullopt;
  return node().integer;
}

std::optional<double> View::number() const noexcept {
  if (is(Type::Double)) return node().real;
  if (is(Type::Integer)) return static_cast<double>(node().integer);
  return std::nullopt;
}

std::optional<bool> View::boolean() const noexcept {
  if (!is(Type::Bool)) return std::nullopt;
  return node().boolean;
}

View View::operator[](std::string_view key) const noexcept {
  View found;
  if (!is(Type::Object)) return found;
  for (View member = first(); member.exists(); member = member.next()) {
    if (member.key() == key) found = member;
  }
  return found;
}

std::size_t View::size() const noexcept { return exists() ? node().count : 0; }

std::string_view View::key() const noexcept { return exists() ? chars(node().key) : std::string_view{}; }

View View::first() const noexcept { return size() == 0 ? View{} : View{*document_, index_ + 1, node().end}; }

View View::next() const noexcept {
  if (!exists() || node().end >= limit_) return {};
  return {*document_, node().end, limit_};
}

nlohmann::json View::to_json() const {
  switch (type()) {
    case Type::Null: return nullptr;
    case Type::Bool: return node().boolean;
    case Type::Integer: return node().integer;
    case Type::Double: return node().real;
    case Type::String: return chars(node().text);
    case Type::Array: {
      auto array = nlohmann::json::array();
      each([&](View element) { array.push_back(element.to_json()); });
      return array;
    }
    case Type::Object: {
      auto object = nlohmann::json::object();
      each([&](View member) { object[std::string{member.key()}] = member.to_json(); });
      return object;
    }
  }
  return nullptr;
}

}  // namespace tp::json
