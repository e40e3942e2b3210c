#include "provisioner/commands/options.h"

namespace tp::provisioner {
namespace {

// Without those of `run`.
void add_output(options::Table& table, PreflightOptions& o) {
  using Output = PreflightOptions::Output;
  table.section("Output").add(
      {.flag = "output",
       .letter = 'o',
       .default_value = "text",
       .help = "text: a line for each check; json: one object.",
       .value = options::one_of<Output>(o.output, {{"text", Output::Text}, {"json", Output::Json}})});
}

}  // namespace

options::Table preflight_table(PreflightOptions& o) {
  options::Table table{"team-operator preflight [flags]",
                       "Checks whether `run` with the same flags would find all that it needs."};
  add_run(table, o.run);
  add_output(table, o);
  return table;
}

options::Table crds_table(const std::string& command, CrdsOptions& o) {
  options::Table table{"team-operator crds " + command + " [flags]",
                       "The CustomResourceDefinitions that this program carries, and those of a cluster."};
  add_kubeconfig(table, o.kubeconfig);
  table.add({.flag = "time-limit",
             .default_value = "1m",
             .help = "How long it may take in all, with the API server's acceptance.",
             .value = options::duration(o.time_limit, std::chrono::seconds{1})});
  return table;
}

options::Table drain_table(DrainOptions& o) {
  using Mode = DrainOptions::Mode;
  options::Table table{"team-operator drain [flags]",
                       "Makes the teams ready for a cluster without an operator, so that nothing hangs."};
  add_kubeconfig(table, o.kubeconfig);
  table
      .add({.flag = "watch-namespaces",
            .env = "K8S_NAMESPACE",
            .help = "Only the teams of these namespaces. Without it: all.",
            .value = options::list(o.watch_namespaces)})
      .add({.flag = "mode",
            .default_value = "retain",
            .help = "retain: takes the operator's finalizer off each team and pauses it; all that a team has "
                    "stays. delete: deletes each team, which the running operator does by its "
                    "deletionPolicy.",
            .value = options::one_of<Mode>(o.mode, {{"retain", Mode::Retain}, {"delete", Mode::Delete}})})
      .add({.flag = "time-limit",
            .default_value = "5m",
            .help = "How long it may take in all; what is left then is named.",
            .value = options::duration(o.time_limit, std::chrono::seconds{1})});
  return table;
}

std::string commands_markdown() {
  PreflightOptions preflight;
  CrdsOptions crds;
  DrainOptions drain;
  options::Table output{"", ""};
  add_output(output, preflight);
  return "\n## team-operator preflight\n\nThe flags of `run`, and:\n\n" + output.markdown() +
         "\n## team-operator crds apply, crds diff\n\n" + crds_table("apply", crds).markdown() +
         "\n## team-operator drain\n\n" + drain_table(drain).markdown();
}

}  // namespace tp::provisioner
