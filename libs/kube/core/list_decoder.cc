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
    switch (state_) {
      case State::Item: {
        const std::string_view part = bytes.substr(0, scan(bytes));
        bytes.remove_prefix(part.size());
        if (part.size() > max_item_ || !closed_ || !item_.empty()) TP_TRY(append(item_, part));
        if (!closed_) break;
        state_ = State::AfterItem;
        delivered_ = true;
        return std::optional{item_.empty() ? part : std::string_view{item_}};
      }
      case State::Composite: {
        const std::string_view part = bytes.substr(0, scan(bytes));
        bytes.remove_prefix(part.size());
        if (is_metadata_) TP_TRY(append(metadata_, part));
        if (closed_) state_ = State::AfterValue;
        break;
      }
      case State::Scalar:
        while (!bytes.empty() && !ends_scalar(bytes.front())) bytes.remove_prefix(1);
        if (!bytes.empty()) state_ = State::AfterValue;
        break;
      case State::Key: bytes.remove_prefix(scan_key(bytes)); break;
      default:
        // The character that begins a value is part of it.
        if (!is_space(bytes.front())) TP_TRY(step(bytes.front()));
        if (state_ != State::Item && state_ != State::Composite && state_ != State::Scalar) {
          bytes.remove_prefix(1);
        }
    }
  }
  return std::optional<std::string_view>{};
}

Status ListDecoder::step(char c) {
  const auto go = [this](State next) {
    state_ = next;
    return ok();
  };
  switch (state_) {
    case State::Start:
      if (c == '{') return go(State::FirstMember);
      break;
    case State::FirstMember:
      if (c == '}') return go(State::End);
      [[fallthrough]];
    case State::Member:
      key_.clear();
      if (c == '"') return go(State::Key);
      break;
    case State::Colon:
      if (c == ':') return go(State::Value);
      break;
    case State::Value: return begin_value(c);
    case State::AfterValue:
      if (c == ',') return go(State::Member);
      if (c == '}') return go(State::End);
      break;
    case State::FirstItem:
      if (c == ']') return go(State::AfterValue);
      [[fallthrough]];
    case State::NextItem:
      if (c == '{') return go(State::Item);
      break;
    case State::AfterItem:
      if (c == ',') return go(State::NextItem);
      if (c == ']') return go(State::AfterValue);
      break;
    default: break;
  }
  return not_a_list();
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
