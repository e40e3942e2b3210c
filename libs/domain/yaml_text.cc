#include "domain/yaml_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

namespace tp::domain {
namespace {

using Json = nlohmann::json;

bool is_word(std::string_view text) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  };
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0 &&
         std::all_of(text.begin(), text.end(), allowed);
}

// Words that some YAML reader takes for a boolean or null.
bool is_keyword(std::string_view text) {
  constexpr std::array<std::string_view, 9> kKeywords{"true", "false", "yes", "no",  "on",
                                                      "off",  "y",     "n",   "null"};
  return std::any_of(kKeywords.begin(), kKeywords.end(), [&](std::string_view keyword) {
    return std::equal(text.begin(), text.end(), keyword.begin(), keyword.end(),
                      [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
  });
}

void emit_text(YAML::Emitter& out, const std::string& text) {
  if (!is_word(text) || is_keyword(text)) out << YAML::DoubleQuoted;
  out << text;
}

// The depth of what we print is bounded: it is what our own builders make of a parsed manifest.
void emit(YAML::Emitter& out, const Json& value) {  // NOLINT(misc-no-recursion)
  if (value.is_object()) {
    out << (value.empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
    for (const auto& [key, member] : value.items()) {
      out << YAML::Key;
      emit_text(out, key);
      out << YAML::Value;
      emit(out, member);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << (value.empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
    for (const Json& element : value) emit(out, element);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    emit_text(out, value.get_ref<const std::string&>());
  } else {
    out << value.dump();
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  YAML::Emitter out;
  emit(out, value);
  return std::string{out.c_str(), out.size()} + "\n";
}

}  // namespace tp::domain
