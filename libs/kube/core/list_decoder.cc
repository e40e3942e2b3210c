#include "kube/core/list_decoder.h"

#include "json/document.h"

namespace tp::kube {
namespace {

// Longer than any key that matters here; the rest of a longer one is not kept.
constexpr std::size_t kMaxKey = 64;

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

constexpr bool ends_scalar(char c) noexcept { return c == ',' || c == '}' || is_space(c); }

Error not_a_list() { return {ErrorCode::DataLoss, "the answer is not a list"}; }

}  // namespace

Result<std::optional<std::string_view>> ListDecoder::next_item(std::string_view& bytes) {
  if (delivered_) {
    item_.clear();
    delivered_ = false;
  }
  while (!bytes.empty()) {
    if (state_ == State::Item) {
      TP_ASSIGN_OR_RETURN(const std::optional<std::string_view> item, read_item(bytes));
      if (item) return item;
    } else {
      TP_TRY(read_envelope(bytes));
    }
  }
  return std::optional<std::string_view>{};
}

Result<std::optional<std::string_view>> ListDecoder::read_item(std::string_view& bytes) {
  const std::string_view part = bytes.substr(0, scan(bytes));
  bytes.remove_prefix(part.size());
  if (closed_) state_ = State::AfterItem;
  if (closed_ && item_.empty() && part.size() <= max_item_) return std::optional{part};
  TP_TRY(append(item_, part));
  if (!closed_) return std::optional<std::string_view>{};
  delivered_ = true;
  return std::optional{std::string_view{item_}};
}

Status ListDecoder::read_envelope(std::string_view& bytes) {
  switch (state_) {
    case State::Composite: {
      const std::string_view part = bytes.substr(0, scan(bytes));
      bytes.remove_prefix(part.size());
      if (closed_) state_ = State::AfterValue;
      return is_metadata_ ? append(metadata_, part) : ok();
    }
    case State::Scalar:
      while (!bytes.empty() && !ends_scalar(bytes.front())) bytes.remove_prefix(1);
      if (!bytes.empty()) state_ = State::AfterValue;
      return ok();
    case State::Key: bytes.remove_prefix(scan_key(bytes)); return ok();
    default: break;
  }
  if (!is_space(bytes.front())) TP_TRY(step(bytes.front()));
  // The character that begins a value is part of it.
  const bool in_value = state_ == State::Item || state_ == State::Composite || state_ == State::Scalar;
  if (!in_value) bytes.remove_prefix(1);
  return ok();
}

Status ListDecoder::step(char c) {
  switch (state_) {
    case State::Start: return take(c, '{', State::FirstMember);
    case State::FirstMember: return c == '}' ? take(c, '}', State::End) : take(c, '"', State::Key);
    case State::Member: return take(c, '"', State::Key);
    case State::Colon: return take(c, ':', State::Value);
    case State::Value: return begin_value(c);
    case State::AfterValue: return c == ',' ? take(c, ',', State::Member) : take(c, '}', State::End);
    case State::FirstItem: return c == ']' ? take(c, ']', State::AfterValue) : take(c, '{', State::Item);
    case State::NextItem: return take(c, '{', State::Item);
    case State::AfterItem: return c == ',' ? take(c, ',', State::NextItem) : take(c, ']', State::AfterValue);
    default: return not_a_list();
  }
}

Status ListDecoder::take(char c, char wanted, State next) {
  if (c != wanted) return not_a_list();
  state_ = next;
  if (next == State::Key) key_.clear();
  return ok();
}

Status ListDecoder::begin_value(char c) {
  is_metadata_ = key_ == "metadata";
  if (c == ',' || c == '}' || c == ']' || c == ':') return not_a_list();
  if (key_ == "items" && c != 'n') {  // null: Go's empty slice
    if (c != '[') return not_a_list();
    state_ = State::FirstItem;
  } else {
    if (is_metadata_) metadata_.clear();
    state_ = c == '{' || c == '[' || c == '"' ? State::Composite : State::Scalar;
  }
  return ok();
}

std::size_t ListDecoder::scan(std::string_view bytes) noexcept {
  closed_ = false;
  std::size_t used = 0;
  while (used < bytes.size() && !closed_) {
    const char c = bytes[used++];
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        closed_ = depth_ == 0;
      }
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      closed_ = --depth_ == 0;
    }
  }
  return used;
}

// Keys with escapes are not decoded: no server writes "items" in another way.
std::size_t ListDecoder::scan_key(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const char c = bytes[used++];
    if (c == '"' && !escaped_) {
      state_ = State::Colon;
      break;
    }
    escaped_ = c == '\\' && !escaped_;
    if (key_.size() < kMaxKey) key_.push_back(c);
  }
  return used;
}

Status ListDecoder::append(std::string& to, std::string_view bytes) const {
  if (bytes.size() > max_item_ - to.size()) {
    return Error{ErrorCode::ResourceExhausted, "list item longer than " + std::to_string(max_item_)};
  }
  to.append(bytes);
  return ok();
}

Result<ListMetadata> ListDecoder::finish() const {
  if (state_ != State::End) return Error{ErrorCode::DataLoss, "the list was cut short"};
  json::Document document;
  TP_TRY(document.parse(metadata_.empty() ? std::string_view{"{}"} : std::string_view{metadata_}));
  const json::View root = document.root();
  ListMetadata metadata{std::string{root["resourceVersion"].text()}, std::string{root["continue"].text()},
                        root["remainingItemCount"].integer()};
  if (metadata.resource_version.empty()) {
    return Error{ErrorCode::DataLoss, "list without metadata.resourceVersion"};
  }
  return metadata;
}

}  // namespace tp::kube
