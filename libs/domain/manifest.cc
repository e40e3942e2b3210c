#include "domain/manifest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "kube/core/text.h"

namespace tp::domain {
namespace {

using nlohmann::json;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string at(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return "line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1) + ": ";
}

Error wrong(const YAML::Node& node, std::string_view message) {
  return Error{ErrorCode::InvalidArgument, at(node.Mark()).append(message)};
}

// Keys and tags are foreign text; enough of it to be found in the file.
std::string shown(std::string_view text) { return "\"" + std::string{kube::cut(text, 64)} + "\""; }

std::optional<bool> parse_boolean(std::string_view text) {
  constexpr std::array<std::string_view, 11> kTrue{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                   "True", "TRUE", "on",  "On",  "ON"};
  constexpr std::array<std::string_view, 11> kFalse{"n",     "N",     "no",  "No",  "NO", "false",
                                                    "False", "FALSE", "off", "Off", "OFF"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) return false;
  return std::nullopt;
}

// 12, -0x1F, 0o17, 017, 0b101; also what fits only without a sign.
std::optional<json> parse_integer(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text.front() == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!negative) {
    if (std::in_range<std::int64_t>(value)) return json(static_cast<std::int64_t>(value));
    return json(value);
  }
  constexpr std::uint64_t kLowest = std::uint64_t{1} << 63U;
  if (value > kLowest) return std::nullopt;
  return json(static_cast<std::int64_t>(~value + 1));
}

bool take_digits(std::string_view& text) {
  const std::size_t before = text.size();
  while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
  return text.size() != before;
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_like_float(std::string_view text) {
  const auto skip = [&](std::string_view any_of) {
    const bool found = !text.empty() && any_of.find(text.front()) != std::string_view::npos;
    if (found) text.remove_prefix(1);
    return found;
  };
  skip("+-");
  const bool whole = take_digits(text);
  const bool fraction = skip(".") && take_digits(text);
  if (!whole && !fraction) return false;
  if (!skip("eE")) return text.empty();
  skip("+-");
  return take_digits(text) && text.empty();
}

std::optional<json> parse_float(std::string_view text) {
  if (!looks_like_float(text)) return std::nullopt;
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) return std::nullopt;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::trunc(value) == value && std::abs(value) <= kExact) return json(static_cast<std::int64_t>(value));
  return json(value);  // encoding/json writes 1e3 as 1000: what is whole arrives as an integer
}

// A plain scalar by the rules of YAML 1.1 as go-yaml v2 has them: numbers, booleans, else text.
json resolve(const std::string& text) {
  if (const auto boolean = parse_boolean(text)) return *boolean;
  const char first = text.empty() ? 'x' : text.front();
  if (!is_digit(first) && first != '+' && first != '-' && first != '.') return text;
  std::string plain = text;
  if (first != '.') plain.erase(std::remove(plain.begin(), plain.end(), '_'), plain.end());
  if (first != '.') {
    if (auto integer = parse_integer(plain)) return *std::move(integer);
  }
  if (auto real = parse_float(plain)) return *std::move(real);
  return text;
}

class Converter {
 public:
  Result<json> convert(const YAML::Node& node, std::size_t depth = 0) {
    if (depth > kMaxManifestDepth) {
      return limit(node, "nests deeper than " + std::to_string(kMaxManifestDepth) + " levels");
    }
    if (++values_ > kMaxManifestValues) {
      return limit(node, "more than " + std::to_string(kMaxManifestValues) +
                             " values, aliases counted as what they stand for");
    }
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null: return json(nullptr);
      case YAML::NodeType::Scalar: return scalar(node);
      case YAML::NodeType::Sequence: return sequence(node, depth);
      case YAML::NodeType::Map: return mapping(node, depth);
    }
    return json(nullptr);
  }

 private:
  using Lines = std::map<std::string, int>;  // of a mapping's own keys, from 0

  static Error limit(const YAML::Node& node, std::string_view message) {
    return Error{ErrorCode::ResourceExhausted, at(node.Mark()).append(message)};
  }

  static Result<json> scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    const std::string& tag = node.Tag();
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    if (tag == "!" || tag == std::string{kCore} + "str")
      return json(text);  // "!" is yaml-cpp's mark of quotes
    const bool plain = tag.empty() || tag == "?";
    if (!plain && tag.rfind(kCore, 0) != 0) return wrong(node, "tag " + shown(tag) + " has no meaning here");
    if (is_not_finite(text)) return wrong(node, text + " is a number that JSON does not have");
    json value = resolve(text);
    const std::string_view type = plain ? std::string_view{} : std::string_view{tag}.substr(kCore.size());
    if (plain || type == type_name(value) || (type == "float" && value.is_number())) return value;
    return wrong(node, "this is not of its type " + shown(type));
  }

  static bool is_not_finite(std::string_view text) {
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
    return text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" ||
           text == ".NAN";
  }

  static std::string_view type_name(const json& value) {
    if (value.is_boolean()) return "bool";
    if (value.is_number_float()) return "float";
    return value.is_number() ? "int" : "str";
  }

  Result<json> sequence(const YAML::Node& node, std::size_t depth) {
    json list = json::array();
    for (const YAML::Node& element : node) {
      TP_ASSIGN_OR_RETURN(json value, convert(element, depth + 1));
      list.push_back(std::move(value));
    }
    return list;
  }

  Result<json> mapping(const YAML::Node& node, std::size_t depth) {
    json object = json::object();
    Lines lines;
    for (const auto& member : node) {
      const YAML::Node& key_node = member.first;
      if (is_merge(key_node)) continue;
      TP_ASSIGN_OR_RETURN(std::string key, key_text(key_node));
      const auto [first, added] = lines.emplace(key, key_node.Mark().line);
      if (!added) {
        return wrong(key_node, "key " + shown(key) + " is given twice, first in line " +
                                   std::to_string(first->second + 1));
      }
      TP_ASSIGN_OR_RETURN(object[key], convert(member.second, depth + 1));
    }
    for (const auto& member : node) {
      if (is_merge(member.first)) TP_TRY(merge(member.second, depth, object));
    }
    return object;
  }

  static bool is_merge(const YAML::Node& key) {
    return key.IsScalar() && key.Scalar() == "<<" && key.Tag() != "!";
  }

  // Adds what `object` does not have; of several mappings, the first that has a key gives it.
  Status merge(const YAML::Node& source, std::size_t depth, json& object) {
    TP_ASSIGN_OR_RETURN(const json merged, convert(source, depth + 1));
    if (merged.is_object()) {
      object.insert(merged.begin(), merged.end());
      return ok();
    }
    if (!merged.is_array() ||
        !std::all_of(merged.begin(), merged.end(), [](const json& m) { return m.is_object(); })) {
      return wrong(source, "<< takes a mapping or a list of mappings");
    }
    for (const json& each : merged) object.insert(each.begin(), each.end());
    return ok();
  }

  static Result<std::string> key_text(const YAML::Node& node) {
    if (!node.IsScalar()) return wrong(node, "a key must be a text");
    TP_ASSIGN_OR_RETURN(const json key, scalar(node));
    if (key.is_string()) return key.get<std::string>();
    if (key.is_boolean() || key.is_number_integer()) return key.dump();
    return wrong(node, "a key must be a text");
  }

  std::size_t values_ = 0;
};

// Hears where documents begin, without building them.
class DocumentStart final : public YAML::EventHandler {
 public:
  YAML::Mark mark = YAML::Mark::null_mark();

  void OnDocumentStart(const YAML::Mark& at) override { mark = at; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&,
                       const std::string&,
                       YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}
};

// Of a text such as "," yaml-cpp 0.7 makes empty documents for ever, all beginning at one place.
Status check_documents_end(const std::string& text) {
  std::istringstream stream{text};
  YAML::Parser parser{stream};
  DocumentStart document;
  for (YAML::Mark before = document.mark; parser.HandleNextDocument(document); before = document.mark) {
    if (document.mark.pos == before.pos)
      return Error{ErrorCode::InvalidArgument, at(document.mark) + "a document cannot begin like this"};
  }
  return ok();
}

}  // namespace

Result<std::vector<Manifest>> parse_manifests(std::string_view text) {
  if (text.size() > kMaxManifestBytes) {
    return Error{ErrorCode::ResourceExhausted, "longer than " + std::to_string(kMaxManifestBytes) + " bytes"};
  }
  try {
    std::vector<Manifest> manifests;
    Converter converter;
    const std::string copied{text};
    TP_TRY(check_documents_end(copied));
    for (const YAML::Node& document : YAML::LoadAll(copied)) {
      if (document.IsNull()) continue;
      TP_ASSIGN_OR_RETURN(json value, converter.convert(document));
      manifests.push_back(Manifest{std::move(value), static_cast<std::size_t>(document.Mark().line) + 1});
    }
    return manifests;
  } catch (const YAML::Exception& e) {
    return Error{ErrorCode::InvalidArgument, at(e.mark).append(e.msg)};
  }
}

Result<std::vector<Manifest>> load_manifests(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return Error{ErrorCode::NotFound, path + ": cannot be opened"};
  std::string text(kMaxManifestBytes + 1, '\0');  // one more, so that too long shows
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return Error{ErrorCode::NotFound, path + ": cannot be read"};
  text.resize(static_cast<std::size_t>(file.gcount()));
  Result<std::vector<Manifest>> manifests = parse_manifests(text);
  if (!manifests) return std::move(manifests).error().wrap(path);
  return manifests;
}

}  // namespace tp::domain
