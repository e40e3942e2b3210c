#pragma once

#include <string>
#include <vector>

namespace tp::test {

// A certificate and its private key, both PEM.
struct TestIdentity {
  std::string cert;
  std::string key;
};

struct LeafOptions {
  std::string common_name = "leaf";
  std::vector<std::string> dns{};  // subjectAltName; none of both: no such extension
  std::vector<std::string> ip{};
};

// A certificate authority made for one test, with a fresh P-256 key. Its certificates are valid from an hour
// ago for a day. Throws std::runtime_error when OpenSSL fails.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "test CA");

  [[nodiscard]] const std::string& cert() const noexcept { return self_.cert; }
  [[nodiscard]] TestIdentity issue(const LeafOptions& options) const;

 private:
  TestIdentity self_;
};

}  // namespace tp::test
