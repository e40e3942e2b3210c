#include "domain/free_config.h"

#include <algorithm>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "domain/formats.h"
#include "json/parse.h"

namespace tp::domain {
namespace {

using json::Type;
using json::View;

struct Measures {
  std::size_t depth = 0;
  std::size_t leaves = 0;
  std::size_t path_bytes = 0;
  bool bad_key = false;
  bool nul = false;
};

// '.' separates the keys of a dotted path.
bool is_key(std::string_view key) {
  return !key.empty() && format::code_points(key) <= kMaxConfigKey &&
         std::none_of(key.begin(), key.end(),
                      [](char c) { return c == '.' || static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

// `path_bytes`: of the path of `value`. In a list there are no leaves: it is one as a whole.
void measure(View value, std::size_t depth, std::size_t path_bytes, bool in_list, Measures& measures) {
  const bool nested = value.is(Type::Object) || value.is(Type::Array);
  if (nested) measures.depth = std::max(measures.depth, depth);
  if (!in_list && !(value.is(Type::Object) && value.size() > 0)) {
    measures.leaves += 1;
    measures.path_bytes += path_bytes;
  }
  measures.nul = measures.nul || value.text().find('\0') != std::string_view::npos;
  value.each([&](View child) {
    if (value.is(Type::Object)) measures.bad_key = measures.bad_key || !is_key(child.key());
    measure(child, depth + 1, path_bytes + 1 + child.key().size(), in_list || value.is(Type::Array),
            measures);
  });
}

}  // namespace

std::vector<FieldError> check_config(View config, std::string_view path) {
  if (config.size() == 0) return {};
  Measures measures;
  measure(config, 1, 0, false, measures);
  const std::size_t bytes = json::dump(config.to_json()).size();

  std::vector<FieldError> errors;
  const auto refuse = [&](std::string message) {
    errors.push_back(FieldError{std::string{path}, std::move(message)});
  };
  const auto at_most = [&](std::size_t value, std::size_t bound, const std::string& what) {
    if (value > bound)
      refuse("must have at most " + std::to_string(bound) + what + ", has " + std::to_string(value));
  };
  at_most(bytes, kMaxConfigBytes, " bytes as JSON");
  at_most(measures.path_bytes, kMaxConfigBytes, " bytes of keys as dotted paths");
  at_most(measures.depth, kMaxConfigDepth, " levels");
  at_most(measures.leaves, kMaxConfigLeaves, " values");
  if (measures.bad_key) {
    refuse("keys must have 1 to " + std::to_string(kMaxConfigKey) +
           " characters, none of them '.' or a control character");
  }
  if (measures.nul) refuse("texts must not contain NUL");
  return errors;
}

}  // namespace tp::domain
