#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tp::kube {

// metav1.ListMeta.
struct ListMetadata {
  std::string resource_version;
  std::string continue_token;             // empty on the last page
  std::optional<std::int64_t> remaining;  // an estimate; absent when selectors are used, and on the last page
};

// Splits a LIST response into its items while it arrives, so that a page of any size costs the memory of one
// item. Sans-I/O: feed() it whatever the socket gave; each element of the top-level "items" array comes out
// as one JSON text. Only the envelope is judged here; the items are for json::Document, which judges them
// whole. Items of a typed list have neither kind nor apiVersion.
//
// Not thread-safe. After an Error the decoder must not be used again.
class ListDecoder {
 public:
  // An item (or the list's metadata) longer than `max_item` bytes is an error.
  explicit ListDecoder(std::size_t max_item) : max_item_(max_item) {}

  // Calls on_item(std::string_view) for each item that these bytes complete; the view is valid during the
  // call. Linear in the bytes fed, and an item that lies in them whole is not copied. ResourceExhausted for
  // one that is too long, DataLoss for what is not a list.
  template <class OnItem>
  [[nodiscard]] Status feed(std::string_view bytes, OnItem&& on_item) {
    while (true) {
      TP_ASSIGN_OR_RETURN(const std::optional<std::string_view> item, next_item(bytes));
      if (!item) return ok();
      on_item(*item);
    }
  }

  // After the last byte. DataLoss when the list was cut short or has no resourceVersion: its items are then
  // not all.
  [[nodiscard]] Result<ListMetadata> finish() const;

 private:
  enum class State : std::uint8_t {
    Start,        // before {
    FirstMember,  // after {: a key or }
    Member,       // after ,: a key
    Key,
    Colon,
    Value,      // before a member's value
    Composite,  // in an object, an array or a string
    Scalar,     // in a number or a literal
    AfterValue,
    FirstItem,  // after [: an item or ]
    NextItem,   // after ,: an item
    Item,       // in an item
    AfterItem,
    End,
  };

  // The next completed item, having taken its bytes off `bytes`; nothing when all of them are used up.
  [[nodiscard]] Result<std::optional<std::string_view>> next_item(std::string_view& bytes);
  [[nodiscard]] Result<std::optional<std::string_view>> read_item(std::string_view& bytes);
  // A step outside of items: takes at least one byte or enters a value.
  [[nodiscard]] Status read_envelope(std::string_view& bytes);
  // One structural character, outside of keys and values.
  [[nodiscard]] Status step(char c);
  [[nodiscard]] Status take(char c, char wanted, State next);
  [[nodiscard]] Status begin_value(char c);
  // How many of `bytes` belong to the object, array or string that is being read; sets closed_ when it ends
  // there.
  [[nodiscard]] std::size_t scan(std::string_view bytes) noexcept;
  [[nodiscard]] std::size_t scan_key(std::string_view bytes);
  [[nodiscard]] Status append(std::string& to, std::string_view bytes) const;

  std::size_t max_item_;
  State state_ = State::Start;
  std::size_t depth_ = 0;  // of brackets in the value being read
  bool in_string_ = false;
  bool escaped_ = false;
  bool closed_ = false;
  bool is_metadata_ = false;  // the value being read
  std::string key_;
  std::string item_;        // the part of an item that earlier bytes held
  bool delivered_ = false;  // item_ was handed out and is to be dropped
  std::string metadata_;
};

}  // namespace tp::kube
