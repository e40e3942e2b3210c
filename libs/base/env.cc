#include "base/env.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

namespace tp {

std::optional<std::string> env_var(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return std::string{value};
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  errno = 0;
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    const int error = errno;
    const ErrorCode code = error == ENOENT ? ErrorCode::NotFound : ErrorCode::PermissionDenied;
    return Error{code, path + ": " + std::generic_category().message(error)};
  }
  std::string content(limit + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (in.bad() || (in.fail() && !in.eof())) return Error{ErrorCode::Unavailable, path + ": read failed"};
  const auto size = static_cast<std::size_t>(in.gcount());
  if (size > limit) {
    return Error{ErrorCode::ResourceExhausted, path + ": larger than " + std::to_string(limit) + " bytes"};
  }
  content.resize(size);
  content.shrink_to_fit();
  return content;
}

}  // namespace tp
