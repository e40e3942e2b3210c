#pragma once

#include <string>
#include <vector>

namespace tp::provisioner {

enum class Verdict { Ok, Missing, Warning };

// What one look has shown, for people.
struct Check {
  Verdict verdict = Verdict::Ok;
  std::string about;    // "permission"
  std::string message;  // one line

  friend bool operator==(const Check&, const Check&) = default;
};

[[nodiscard]] bool is_missing(const Check& check) noexcept;

// PURE. A line for each, then how many there are of each kind.
[[nodiscard]] std::string to_text(const std::vector<Check>& checks);
// PURE. {"checks": [{"result", "about", "message"}], "ok": 1, "missing": 0, "warnings": 0}, in one line.
[[nodiscard]] std::string to_json(const std::vector<Check>& checks);

}  // namespace tp::provisioner
