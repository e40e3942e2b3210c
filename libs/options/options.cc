#include "options/options.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <numeric>

#include "http/address.h"

namespace tp::options {
namespace {

using std::chrono::milliseconds;

Error wrong(std::string_view text, std::string_view what) {
  return {ErrorCode::InvalidArgument, "\"" + std::string{text} + "\" " + std::string{what}};
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string all;
  for (const auto& item : items) all += (all.empty() ? "" : std::string{separator}) + item;
  return all;
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string describe(milliseconds time) {
  constexpr std::int64_t kSecond = 1000;
  constexpr std::int64_t kMinute = 60 * kSecond;
  constexpr std::int64_t kHour = 60 * kMinute;
  const std::int64_t n = time.count();
  if (n % kHour == 0) return std::to_string(n / kHour) + "h";
  if (n % kMinute == 0) return std::to_string(n / kMinute) + "m";
  if (n % kSecond == 0) return std::to_string(n / kSecond) + "s";
  return std::to_string(n) + "ms";
}

// Edits (insert, remove, replace a character) that lead from `a` to `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string indented(std::string_view text, std::size_t indent, std::size_t width) {
  const std::string margin(indent, ' ');
  std::string all;
  while (!text.empty()) {
    std::size_t cut = text.size() <= width ? text.size() : text.rfind(' ', width);
    if (cut == std::string_view::npos) cut = std::min(text.find(' '), text.size());
    all += margin + std::string{text.substr(0, cut)} + "\n";
    text = trim(text.substr(cut));
  }
  return all;
}

std::string metavar(const Option& option) {
  return option.metavar.empty() ? option.value.metavar : option.metavar;
}

}  // namespace

Value text(std::string& target) {
  return {[&target](std::string_view value) { return target = value, ok(); }, "TEXT"};
}

Value boolean(bool& target) {
  const auto set = [&target](std::string_view value) -> Status {
    if (value != "true" && value != "false") return wrong(value, "is neither true nor false");
    target = value == "true";
    return ok();
  };
  return {set, "true|false", true};
}

Value list(std::vector<std::string>& target) {
  const auto set = [&target](std::string_view value) {
    target.clear();
    while (!value.empty()) {
      const std::size_t comma = std::min(value.find(','), value.size());
      if (const auto item = trim(value.substr(0, comma)); !item.empty()) target.emplace_back(item);
      value.remove_prefix(std::min(comma + 1, value.size()));
    }
    return ok();
  };
  return {set, "LIST"};
}

Value address(std::string& target) {
  const auto set = [&target](std::string_view value) -> Status {
    TP_TRY(http::parse_address(value));
    target = value;
    return ok();
  };
  return {set, "ADDRESS"};
}

Value duration(milliseconds& target, milliseconds min, milliseconds max) {
  const auto set = [&target, min, max](std::string_view value) -> Status {
    const auto time = parse_duration(value);
    if (!time) return wrong(value, "is not a duration such as 90s, 10m or 1h30m");
    if (*time < min) return wrong(value, "is less than " + describe(min));
    if (*time > max) return wrong(value, "is more than " + describe(max));
    target = *time;
    return ok();
  };
  return {set, "DURATION"};
}

Value integer(std::function<void(std::int64_t)> store, std::int64_t min, std::int64_t max) {
  const auto set = [store = std::move(store), min, max](std::string_view value) -> Status {
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc{} || stop != end || number < min || number > max) {
      return wrong(value, "is not a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    }
    store(number);
    return ok();
  };
  return {set, "N"};
}

Value one_of(std::function<void(std::size_t)> store, std::vector<std::string> names) {
  std::string shown = join(names, "|");
  const auto set = [store = std::move(store), names = std::move(names)](std::string_view value) -> Status {
    const auto found = std::find(names.begin(), names.end(), value);
    if (found == names.end()) return wrong(value, "is none of " + join(names, ", "));
    store(static_cast<std::size_t>(found - names.begin()));
    return ok();
  };
  return {set, std::move(shown)};
}

std::optional<milliseconds> parse_duration(std::string_view text) noexcept {
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {// "ms" before "m"
                                                                         {"ms", 1},
                                                                         {"s", 1'000},
                                                                         {"m", 60'000},
                                                                         {"h", 3'600'000}};
  constexpr std::int64_t kMax = std::int64_t{10} * 366 * 24 * 3'600'000;
  if (text == "0") return milliseconds{0};
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    const auto* const unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                          [&](const auto& u) { return text.starts_with(u.first); });
    if (unit == std::end(kUnits) || number > (kMax - total) / unit->second) return std::nullopt;
    total += number * unit->second;
    text.remove_prefix(unit->first.size());
  }
  return milliseconds{total};
}

Table& Table::section(std::string title) { return section_ = std::move(title), *this; }

Table& Table::add(Option option) {
  assert(find("--" + option.flag) == nullptr &&
         (option.letter == 0 || find(std::string{'-', option.letter}) == nullptr));
  assert(option.env.empty() ||
         std::none_of(rows_.begin(), rows_.end(), [&](const Row& r) { return r.env == option.env; }));
  rows_.push_back({std::move(option), section_});
  return *this;
}

const Table::Row* Table::find(std::string_view argument_name) const {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) {
    if (argument_name.starts_with("--")) return argument_name.substr(2) == row.flag;
    return argument_name.size() == 2 && argument_name[0] == '-' && argument_name[1] == row.letter;
  });
  return found == rows_.end() ? nullptr : &*found;
}

std::string Table::unknown(std::string_view argument_name) const {
  const std::string message = "unknown flag " + std::string{argument_name};
  const auto apart = [&](const Row& row) { return distance(argument_name, "--" + row.flag); };
  const auto nearest = std::min_element(rows_.begin(), rows_.end(),
                                        [&](const Row& a, const Row& b) { return apart(a) < apart(b); });
  // More than a third of it different: then it is no typing error but another flag.
  if (nearest == rows_.end() || apart(*nearest) > argument_name.size() / 3) return message + "; see --help";
  return message + "; did you mean --" + nearest->flag + "?";
}

bool Table::read_arguments(std::span<const char* const> args, Reading& reading) const {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg{args[i]};
    if (arg == "--help" || arg == "-h") return false;
    if (!arg.starts_with('-')) {
      reading.problems.push_back("unexpected argument \"" + std::string{arg} + "\"");
      continue;
    }
    const std::size_t equals = arg.find('=');
    const std::string_view name = arg.substr(0, equals);
    const Row* const row = find(name);
    // A value that begins with a dash must be given as --flag=value: more likely it was forgotten.
    const bool value_follows = i + 1 < args.size() && !std::string_view{args[i + 1]}.starts_with('-');
    if (row == nullptr) {
      reading.problems.push_back(unknown(name));
      if (equals == std::string_view::npos && value_follows) ++i;  // probably its value: not a second problem
    } else if (equals != std::string_view::npos) {
      reading.given[row] = arg.substr(equals + 1);
    } else if (row->value.is_switch) {
      reading.given[row] = "true";
    } else if (value_follows) {
      reading.given[row] = args[++i];
    } else {
      reading.problems.push_back(std::string{name} + " needs a value: " + metavar(*row));
    }
  }
  return true;
}

void Table::set(const Row& row, Reading& reading, const EnvLookup& env) {
  std::string source = "--" + row.flag;
  std::string value = row.default_value;
  const auto found = reading.given.find(&row);
  const bool given = found != reading.given.end();
  if (given) {
    value = found->second;
  } else if (auto variable = row.env.empty() ? std::nullopt : env(row.env.c_str());
             variable && !variable->empty()) {
    value = *std::move(variable);
    source = row.env;
  }
  if (row.required && value.empty()) {
    reading.problems.push_back(source + (row.env.empty() ? "" : " (or " + row.env + ")") + " is required");
  } else if (given || !value.empty()) {
    if (const Status status = row.value.set(value); !status) {
      reading.problems.push_back(source + ": " + status.error().message);
    }
  }
}

Result<Outcome> Table::parse(std::span<const char* const> args, const EnvLookup& env) const {
  Reading reading;
  if (!read_arguments(args, reading)) return Outcome::Help;
  for (const Row& row : rows_) set(row, reading, env);
  if (!reading.problems.empty()) return Error{ErrorCode::InvalidArgument, join(reading.problems, "\n")};
  return Outcome::Run;
}

std::string Table::help() const {
  std::string all = "Usage: " + usage_ + "\n\n" + indented(summary_, 0, 100);
  std::string_view section;
  for (const Row& row : rows_) {
    if (row.section != section) all += "\n" + row.section + ":\n";
    section = row.section;
    std::vector<std::string> notes;
    if (row.required) notes.emplace_back("required");
    if (!row.default_value.empty()) notes.push_back("default " + row.default_value);
    if (!row.env.empty()) notes.push_back("env " + row.env);
    all += "  --" + row.flag + (row.letter == 0 ? "" : std::string{", -"} + row.letter);
    all += row.value.is_switch ? "\n" : " " + metavar(row) + "\n";
    all += indented(row.help + (notes.empty() ? "" : " (" + join(notes, ", ") + ")"), 6, 94);
  }
  return all;
}

std::string Table::markdown() const {
  const auto cell = [](std::string_view text, std::string_view quote) {
    std::string all;
    for (const char c : text) all += c == '|' ? "\\|" : std::string{c};
    return " " + (all.empty() ? all : std::string{quote} + all + std::string{quote}) + " |";
  };
  std::string all;
  std::string_view section;
  for (const Row& row : rows_) {
    if (row.section != section) {
      all += (all.empty() ? "### " : "\n### ") + row.section +
             "\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n";
    }
    section = row.section;
    const std::string flag = "--" + row.flag + (row.value.is_switch ? "" : " " + metavar(row));
    all += "|" + cell(flag, "`") + cell(row.env, "`") +
           cell(row.required ? "required" : row.default_value, row.required ? "" : "`");
    all += cell(row.help, "") + "\n";
  }
  return all;
}

}  // namespace tp::options
