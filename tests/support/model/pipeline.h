#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/model/calls.h"

namespace tp::test {

// The AI pipeline's API: a bootstrap is started once for each team and Idempotency-Key.
class ModelPipeline final : public ModelService {
 public:
  struct Bootstrap {
    std::string run_id{};
    nlohmann::json body{};
  };
  using Key = std::pair<std::string, std::string>;  // team, Idempotency-Key

  explicit ModelPipeline(Calls& calls) : ModelService("pipeline", calls) {}

  [[nodiscard]] const std::map<Key, Bootstrap>& bootstraps() const { return bootstraps_; }
  // What every team was bootstrapped with, without the keys, which name uids.
  [[nodiscard]] nlohmann::json canonical() const;
  // What a caller must never do.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  [[nodiscard]] http::Response answer(const http::Request& request, const Fault& fault) override;

  std::map<Key, Bootstrap> bootstraps_;
  std::vector<std::string> violations_;
};

}  // namespace tp::test
