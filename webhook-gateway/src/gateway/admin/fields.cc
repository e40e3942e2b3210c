#include "gateway/admin/fields.h"

#include <algorithm>
#include <utility>

#include "gateway/admin/answers.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

// Of what came, a longer part is not sent back.
constexpr std::size_t kInputBytes = 1000;
constexpr std::size_t kMostProblems = 20;

// Of UTF-8, which the parser has made sure of.
std::size_t length_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // no continuation
  }));
}

std::string characters(std::size_t n) { return std::to_string(n) + (n == 1 ? " character" : " characters"); }

Json in_body(const std::string& name) { return Json::array({"body", name}); }

}  // namespace

Fields::Fields(const std::string& body) {
  if (body.empty()) return;
  auto parsed = json::parse(body);
  if (!parsed) {
    problem("json_invalid", Json::array({"body"}), "JSON decode error", Json::object(),
            {{"error", parsed.error().message}});
  } else if (!parsed->is_object()) {
    problem("model_attributes_type", Json::array({"body"}),
            "Input should be a valid dictionary or object to extract fields from", *parsed);
  } else {
    body_ = *std::move(parsed);
  }
}

void Fields::problem(
    const char* type, Json location, const std::string& message, const Json& input, Json context) {
  if (problems_.size() >= kMostProblems) return;
  Json problem{{"type", type}, {"loc", std::move(location)}, {"msg", message}};
  problem["input"] = json::dump(input).size() <= kInputBytes ? input : Json{};
  if (!context.is_null()) problem["ctx"] = std::move(context);
  problems_.push_back(std::move(problem));
}

const Json* Fields::value(const char* name) const {
  const auto it = body_.find(name);
  return it == body_.end() || it->is_null() ? nullptr : &*it;
}

std::optional<std::string> Fields::as_text(const Json& value, const Json& location, Length length) {
  const auto* const text = value.get_ptr<const std::string*>();
  if (text == nullptr) {
    problem("string_type", location, "Input should be a valid string", value);
  } else if (length_of(*text) < length.min) {
    problem("string_too_short", location, "String should have at least " + characters(length.min), value,
            {{"min_length", length.min}});
  } else if (length_of(*text) > length.max) {
    problem("string_too_long", location, "String should have at most " + characters(length.max), value,
            {{"max_length", length.max}});
  } else if (text->find('\0') != std::string::npos) {
    problem("value_error", location, "Value error, a NUL is not allowed", value);
  } else {
    return *text;
  }
  return std::nullopt;
}

std::string Fields::text(const char* name, Length length) {
  const auto it = body_.find(name);
  if (it != body_.end()) return as_text(*it, in_body(name), length).value_or("");
  problem("missing", in_body(name), "Field required", body_);
  return {};
}

std::optional<std::string> Fields::text_or_none(const char* name, Length length) {
  const Json* const found = value(name);
  return found == nullptr ? std::nullopt : as_text(*found, in_body(name), length);
}

std::optional<std::vector<std::string>> Fields::texts_or_none(const char* name, Length each) {
  const Json* const found = value(name);
  if (found == nullptr) return std::nullopt;
  if (!found->is_array()) {
    problem("list_type", in_body(name), "Input should be a valid list", *found);
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < found->size(); ++i) {
    if (auto text = as_text((*found)[i], Json::array({"body", name, i}), each))
      texts.push_back(*std::move(text));
  }
  return texts;
}

std::optional<std::int64_t> Fields::integer_or_none(const char* name, Range range) {
  const Json* const found = value(name);
  if (found == nullptr) return std::nullopt;
  if (!found->is_number_integer()) {
    problem("int_type", in_body(name), "Input should be a valid integer", *found);
  } else if (*found < range.min) {
    problem("greater_than_equal", in_body(name),
            "Input should be greater than or equal to " + std::to_string(range.min), *found,
            {{"ge", range.min}});
  } else if (*found > range.max) {
    problem("less_than_equal", in_body(name),
            "Input should be less than or equal to " + std::to_string(range.max), *found,
            {{"le", range.max}});
  } else {
    return found->get<std::int64_t>();
  }
  return std::nullopt;
}

bool Fields::boolean(const char* name, bool otherwise) {
  const Json* const found = value(name);
  if (found == nullptr) return otherwise;
  if (found->is_boolean()) return found->get<bool>();
  problem("bool_type", in_body(name), "Input should be a valid boolean", *found);
  return otherwise;
}

Json Fields::object(const char* name) {
  const Json* const found = value(name);
  if (found == nullptr) return Json::object();
  if (found->is_object()) return *found;
  problem("dict_type", in_body(name), "Input should be a valid dictionary", *found);
  return Json::object();
}

void Fields::wrong(const char* name, const std::string& why) {
  const auto it = body_.find(name);
  problem("value_error", in_body(name), "Value error, " + why, it == body_.end() ? Json{} : *it);
}

void Fields::allow_only(std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : body_.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      problem("extra_forbidden", in_body(name.substr(0, kInputBytes)), "Extra inputs are not permitted",
              value);
    }
  }
}

std::optional<http::Response> Fields::refusal() const {
  if (problems_.empty()) return std::nullopt;
  return admin_answer(422, {{"detail", problems_}});
}

}  // namespace tp::gateway
