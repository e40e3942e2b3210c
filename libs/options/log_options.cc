#include "options/log_options.h"

namespace tp::options {

void add_log(Table& table, log::Level& level, log::Format& format) {
  table
      .add({.flag = "log-level",
            .default_value = "info",
            .help = "The least important lines to write.",
            .value = one_of(level, {{"debug", log::Level::Debug},
                                    {"info", log::Level::Info},
                                    {"warn", log::Level::Warn},
                                    {"error", log::Level::Error}})})
      .add({.flag = "log-format",
            .default_value = "json",
            .help = "json for machines, text for people.",
            .value = one_of(format, {{"json", log::Format::Json}, {"text", log::Format::Text}})});
}

}  // namespace tp::options
