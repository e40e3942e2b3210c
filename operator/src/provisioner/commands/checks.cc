#include "provisioner/commands/checks.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

#include "json/parse.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kVerdictWidth = 9;  // of the longest, and two blanks

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::Missing: return "missing";
    case Verdict::Warning: return "warning";
    case Verdict::Ok: break;
  }
  return "ok";
}

std::size_t count(const std::vector<Check>& checks, Verdict verdict) {
  return static_cast<std::size_t>(std::count_if(
      checks.begin(), checks.end(), [&](const Check& check) { return check.verdict == verdict; }));
}

std::string padded(std::string_view text, std::size_t width) {
  std::string result{text};
  result.resize(std::max(width, text.size()), ' ');
  return result;
}

}  // namespace

bool is_missing(const Check& check) noexcept { return check.verdict == Verdict::Missing; }

std::string to_text(const std::vector<Check>& checks) {
  std::size_t width = 0;
  for (const Check& check : checks) width = std::max(width, check.about.size() + 2);
  std::string text;
  for (const Check& check : checks) {
    text +=
        padded(to_string(check.verdict), kVerdictWidth) + padded(check.about, width) + check.message + "\n";
  }
  const auto number = [&](Verdict verdict) { return std::to_string(count(checks, verdict)); };
  return text + number(Verdict::Ok) + " ok, " + number(Verdict::Missing) + " missing, " +
         number(Verdict::Warning) + " warnings\n";
}

std::string to_json(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks) {
    list.push_back(
        {{"result", to_string(check.verdict)}, {"about", check.about}, {"message", check.message}});
  }
  return json::dump({{"checks", std::move(list)},
                     {"ok", count(checks, Verdict::Ok)},
                     {"missing", count(checks, Verdict::Missing)},
                     {"warnings", count(checks, Verdict::Warning)}}) +
         "\n";
}

}  // namespace tp::provisioner
