#include "postgres/params.h"

#include <utility>

namespace tp::postgres {
namespace {

// src/include/catalog/pg_type.dat: these never change.
constexpr unsigned kBytea = 17;
constexpr unsigned kBigint = 20;
constexpr unsigned kText = 25;
constexpr unsigned kByteaArray = 1001;
constexpr unsigned kTextArray = 1009;
constexpr unsigned kBigintArray = 1016;

template <class Int>
void put(std::string& out, Int number) {
  for (int shift = static_cast<int>(sizeof(Int)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(
        static_cast<char>((static_cast<std::uint64_t>(number) >> static_cast<unsigned>(shift)) & 0xFFU));
  }
}

// A one-dimensional array without nulls, its elements still to come.
std::string array_head(unsigned element, std::size_t count, std::size_t bytes) {
  std::string out;
  out.reserve(20 + bytes + count * 4);
  put<std::int32_t>(out, count == 0 ? 0 : 1);  // dimensions
  put<std::int32_t>(out, 0);                   // has nulls
  put<std::uint32_t>(out, element);
  if (count == 0) return out;
  put<std::int32_t>(out, static_cast<std::int32_t>(count));
  put<std::int32_t>(out, 1);  // lower bound
  return out;
}

template <class Strings>
std::string array_of(unsigned element, const Strings& values) {
  std::size_t bytes = 0;
  for (const auto& value : values) bytes += value.size();
  std::string out = array_head(element, values.size(), bytes);
  for (const auto& value : values) {
    put<std::int32_t>(out, static_cast<std::int32_t>(value.size()));
    out.append(value);
  }
  return out;
}

}  // namespace

Params& Params::add(std::string_view text) {
  values_.push_back({0, false, false, std::string{text}});
  return *this;
}

Params& Params::add_null() {
  values_.push_back({0, false, true, {}});
  return *this;
}

Params& Params::add_texts(const std::vector<std::string_view>& values) {
  values_.push_back({kTextArray, true, false, array_of(kText, values)});
  return *this;
}

Params& Params::add_texts(const std::vector<std::string>& values) {
  values_.push_back({kTextArray, true, false, array_of(kText, values)});
  return *this;
}

Params& Params::add_bytes(const std::vector<std::string_view>& values) {
  values_.push_back({kByteaArray, true, false, array_of(kBytea, values)});
  return *this;
}

Params& Params::add_bigints(const std::vector<std::int64_t>& values) {
  std::string out = array_head(kBigint, values.size(), values.size() * sizeof(std::int64_t));
  for (const std::int64_t value : values) {
    put<std::int32_t>(out, sizeof(std::int64_t));
    put<std::int64_t>(out, value);
  }
  values_.push_back({kBigintArray, true, false, std::move(out)});
  return *this;
}

}  // namespace tp::postgres
