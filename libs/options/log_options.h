#pragma once

#include "log/log.h"
#include "options/options.h"

namespace tp::options {

// The rows --log-level and --log-format, which every program has. The targets must outlive the Table.
void add_log(Table& table, log::Level& level, log::Format& format);

}  // namespace tp::options
