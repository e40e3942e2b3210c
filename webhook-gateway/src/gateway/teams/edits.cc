#include "gateway/teams/edits.h"

#include <cstddef>

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

void set(Json& object, const Edit& edit) {
  Json* at = &object;
  for (const std::string& name : edit.path) {
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[name];
  }
  *at = edit.value;
}

void remove(Json& object, const std::vector<std::string>& path, std::size_t from) {
  const auto it = object.find(path.at(from));
  if (it == object.end()) return;
  if (from + 1 == path.size()) {
    object.erase(it);
    return;
  }
  if (!it->is_object()) return;
  remove(*it, path, from + 1);
  if (it->empty()) object.erase(it);
}

}  // namespace

nlohmann::json edited(nlohmann::json configuration, const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) {
    if (edit.value.is_null()) {
      remove(configuration, edit.path, 0);
    } else {
      set(configuration, edit);
    }
  }
  return configuration;
}

std::string dotted(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& name : path) text.append(text.empty() ? "" : ".").append(name);
  return text;
}

}  // namespace tp::gateway
