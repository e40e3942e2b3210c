#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "base/env.h"
#include "support/catch.h"

namespace tp::test {

// A file of golden/, recorded from a real API server (golden/record.py).
inline nlohmann::json golden(const std::string& name) {
  const auto text = read_file(std::string{TP_GOLDEN_DIR} + "/" + name + ".json");
  INFO(name);
  REQUIRE(text);
  return nlohmann::json::parse(*text);
}

}  // namespace tp::test
