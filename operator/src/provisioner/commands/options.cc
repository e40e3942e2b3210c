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

void add_import(options::Table& table, ImportOptions& o) {
  using Output = ImportOptions::Output;
  table.section("Import")
      .add({.flag = "namespace",
            .letter = 'n',
            .env = "K8S_NAMESPACE",
            .default_value = "incidentfox",
            .help = "Where the former service made its objects. Teams without any get their resource in the "
                    "first.",
            .value = options::list(o.namespaces)})
      .add({.flag = "org",
            .help = "Only the teams of these orgs. Without it: of those that have objects.",
            .value = options::list(o.orgs)})
      .add(
          {.flag = "team", .help = "Only these teams, as NODE or ORG/NODE.", .value = options::list(o.teams)})
      .add({.flag = "own-routing",
            .default_value = "false",
            .help = "Write the routing lists of the teams' configuration into the resources, which own them "
                    "from then on. Without it they are left to the Config Service.",
            .value = options::boolean(o.own_routing)})
      .add({.flag = "apply",
            .default_value = "false",
            .help = "Create the resources. What exists already is never changed.",
            .value = options::boolean(o.apply)})
      .add({.flag = "field-manager",
            .default_value = "webhook-gateway",
            .help =
                "Who owns what is created. With the default the gateway's admin API can change it, as it did "
                "what the former service had.",
            .value = options::text(o.field_manager)})
      .add({.flag = "output",
            .letter = 'o',
            .default_value = "yaml",
            .help = "What goes to the standard output: the resources as yaml or json, and the report to the "
                    "standard error; or summary: the report alone.",
            .value = options::one_of<Output>(
                o.output, {{"yaml", Output::Yaml}, {"json", Output::Json}, {"summary", Output::Summary}})})
      .add({.flag = "time-limit",
            .default_value = "10m",
            .help = "How long it may take in all.",
            .value = options::duration(o.time_limit, std::chrono::seconds{1})});
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
      .add({.flag = "watch-label-selector",
            .help = "Only the teams with these labels, as in shard=a. Without it: all, other operators' too.",
            .value = options::text(o.watch_label_selector)})
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

options::Table import_table(ImportOptions& o) {
  options::Table table{"team-operator import [flags]",
                       "Writes TeamProvisionings for the teams of the service that was here before."};
  add_kubeconfig(table, o.run.kubeconfig);
  add_import(table, o);
  table.section("Services around the cluster")
      .add(config_service_token_option(o.run))
      .add(connect_to_option(o.run));
  add_build(table, o.run.build);
  return table;
}

std::string commands_markdown() {
  PreflightOptions preflight;
  CrdsOptions crds;
  DrainOptions drain;
  ImportOptions import;
  options::Table output{"", ""};
  add_output(output, preflight);
  return "\n## team-operator preflight\n\nThe flags of `run`, and:\n\n" + output.markdown() +
         "\n## team-operator crds apply, crds diff\n\n" + crds_table("apply", crds).markdown() +
         "\n## team-operator drain\n\n" + drain_table(drain).markdown() + "\n## team-operator import\n\n" +
         import_table(import).markdown();
}

}  // namespace tp::provisioner
