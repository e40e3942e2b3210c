#include "provisioner/commands/differences.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "domain/yaml_text.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

bool all_have_names(const Json& list) {
  return !list.empty() && std::all_of(list.begin(), list.end(), [](const Json& element) {
    return element.is_object() && element.contains("name") && element["name"].is_string();
  });
}

// By key, in order.
std::map<std::string, const Json*> members(const Json& object) {
  std::map<std::string, const Json*> found;
  for (const auto& [key, value] : object.items()) found.emplace(key, &value);
  return found;
}

std::map<std::string, const Json*> named_elements(const Json& list) {
  std::map<std::string, const Json*> found;
  for (const Json& element : list) found.emplace(element["name"].get<std::string>(), &element);
  return found;
}

bool contains(const Json& list, const Json& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

class Comparison {
 public:
  // As deep as the documents, which are bounded where they are read.
  void compare(const std::string& path, const Json& before, const Json& after) {  // NOLINT(misc-no-recursion)
    if (before == after) return;
    if (before.is_object() && after.is_object()) {
      const std::string prefix = path.empty() ? "" : path + ".";
      return compare_parts(members(before), members(after), [&](const auto& key) { return prefix + key; });
    }
    if (before.is_array() && after.is_array()) return compare_lists(path, before, after);
    found.push_back({path, before, after});
  }

  std::vector<Difference> found{};

 private:
  using Parts = std::map<std::string, const Json*>;

  template <class PathOf>
  void compare_parts(const Parts& before, const Parts& after, PathOf path_of) {  // NOLINT(misc-no-recursion)
    Parts all = before;
    all.insert(after.begin(), after.end());
    for (const auto& [key, any] : all) {
      const auto old_one = before.find(key);
      const auto new_one = after.find(key);
      if (old_one == before.end()) {
        found.push_back({path_of(key), std::nullopt, *any});
      } else if (new_one == after.end()) {
        found.push_back({path_of(key), *any, std::nullopt});
      } else {
        compare(path_of(key), *old_one->second, *new_one->second);
      }
    }
  }

  void compare_lists(const std::string& path,
                     const Json& before,
                     const Json& after) {  // NOLINT(misc-no-recursion)
    if (all_have_names(before) && all_have_names(after)) {
      return compare_parts(named_elements(before), named_elements(after),
                           [&](const auto& name) { return path + "[" + name + "]"; });
    }
    const std::size_t found_before = found.size();
    for (const Json& element : before)
      if (!contains(after, element)) found.push_back({path + "[]", element, std::nullopt});
    for (const Json& element : after)
      if (!contains(before, element)) found.push_back({path + "[]", std::nullopt, element});
    if (found.size() == found_before) found.push_back({path, before, after});
  }
};

void append_lines(std::string& text, char mark, const Json& value) {
  const std::string lines = domain::to_yaml(value);
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = lines.find('\n', begin);
    text.append(1, mark).append(lines, begin, end - begin).append("\n");
    begin = end + 1;
  }
}

}  // namespace

std::vector<Difference> differences(const Json& before, const Json& after) {
  Comparison comparison;
  comparison.compare("", before, after);
  return std::move(comparison.found);
}

std::string to_text(const std::vector<Difference>& found) {
  std::string text;
  for (const Difference& difference : found) {
    text += "@@ " + difference.path + "\n";
    if (difference.before) append_lines(text, '-', *difference.before);
    if (difference.after) append_lines(text, '+', *difference.after);
  }
  return text;
}

}  // namespace tp::provisioner
