#include "metrics/gauge_text.h"

#include <array>
#include <charconv>

namespace tp::metrics {

std::string label_text(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text.append(text.empty() ? "{" : ",").append(name).append("=\"");
    for (const char c : value) {
      if (c == '\n') {
        text += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

GaugeText::GaugeText(std::string_view name, std::string_view help) : name_(name) {
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(name).append(" gauge\n");
}

void GaugeText::add(std::string_view labels, double value) {
  std::array<char, 32> number{};  // the longest double has 24 characters
  const char* const end = std::to_chars(number.data(), number.data() + number.size(), value).ptr;
  text_.append(name_).append(labels).append(" ");
  text_.append(number.data(), static_cast<std::size_t>(end - number.data())).append("\n");
}

}  // namespace tp::metrics
