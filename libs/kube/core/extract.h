#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "json/document.h"

namespace tp::kube {

// What `field_manager` applied, read back from the live object: the counterpart of the Extract functions of
// client-go's applyconfigurations. An apply of the result by the same manager changes nothing, so one who
// wants to change a field takes this, changes it there and applies the whole: an apply that leaves out what
// the manager set before would remove it.
//
// Always with apiVersion, kind, metadata.name and metadata.namespace, and elements of associative lists with
// their keys. A field that managedFields lists and the object lacks (another took it by force and removed it)
// is left out. Where a value is owned whole it is taken whole; so one must not apply {} for a struct into
// which others write.
[[nodiscard]] nlohmann::json extract(json::View live, std::string_view field_manager);

// The managers, but this one, that own the field at `path` (member names) or something below it, each once.
// Those of subresources count: they write fields of their own.
[[nodiscard]] std::vector<std::string> other_managers(json::View live,
                                                      const std::vector<std::string>& path,
                                                      std::string_view field_manager);

}  // namespace tp::kube
