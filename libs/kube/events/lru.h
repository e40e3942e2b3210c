#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tp::kube {

// At most `limit` values, each with a name: who is not asked for is forgotten first. Not thread-safe.
template <class Value>
class Lru {
 public:
  explicit Lru(std::size_t limit) : limit_(limit) {}

  // Null when there is none. It is then the last one to be forgotten. Valid until the next call.
  [[nodiscard]] Value* find(std::string_view name) {
    const auto found = index_.find(name);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  // There must be none of that name.
  Value& add(std::string name, Value value) {
    if (entries_.size() == limit_) erase(std::prev(entries_.end()));
    entries_.emplace_front(std::move(name), std::move(value));
    index_.emplace(entries_.front().first, entries_.begin());
    return entries_.front().second;
  }

  // Forgets each value for which `gone` says so; it may change the others.
  template <class Gone>
  void sweep(Gone gone) {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      entry = gone(entry->second) ? erase(entry) : std::next(entry);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;  // the last one used comes first

  typename Entries::iterator erase(typename Entries::iterator entry) {
    index_.erase(entry->first);
    return entries_.erase(entry);
  }

  const std::size_t limit_;
  Entries entries_;
  std::unordered_map<std::string_view, typename Entries::iterator> index_;  // names are those of entries_
};

}  // namespace tp::kube
