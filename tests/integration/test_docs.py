"""The documents that the code makes, or that have to keep up with it."""

import json
import re
import subprocess
import urllib.parse

import pytest
import yaml

from support.cluster import CHART, CRDS, ROOT
from support.documents import DOCS, Document, configured_flags, document, documents
from support.gateway import run_gateway
from support.operator_process import run_operator

# Options of other programs that the documents speak of.
FOREIGN = {"--field-selector", "--patch-file", "--exclude-table-data", "--build-arg",  # kubectl, pg_dump, docker
           "--custom-resource-state-config-file",  # kube-state-metrics
           "--force-conflicts", "--values", "--reuse-values", "--reset-then-reuse-values", "--timeout", "--wait", "--no-hooks"}  # helm
PROGRAMS = ("team-operator", "webhook-gateway", "send-webhook", "dev")
# Commands without flags.
WORDS_OF_PROGRAMS = {"team-operator": {"docs", "version", "crds print"}, "webhook-gateway": {"docs", "version"}}


# ---------------------------------------------------------------- what is generated


def test_configuration_lists_the_flags():
    printed = [run("docs") for run in (run_operator, run_gateway)]
    assert [p.returncode for p in printed] == [0, 0]
    written = (DOCS / "configuration.md").read_text()
    assert "".join(p.stdout for p in printed) == written, \
        "run: (build/dev/bin/team-operator docs; build/dev/bin/webhook-gateway docs) > docs/configuration.md"


def shapes(schema):
    yield schema
    for inner in [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]:
        if isinstance(inner, dict):
            yield from shapes(inner)


def test_the_api_reference_is_that_of_the_definitions():
    printed = subprocess.run([ROOT / "tools" / "api-docs"], capture_output=True, text=True, check=True).stdout
    assert printed == (DOCS / "api.md").read_text(), "run: tools/api-docs > docs/api.md"
    page = Document(DOCS / "api.md")
    shown = page.text.replace("\\|", "|")
    for file in CRDS:
        (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
        for part in ("spec", "status"):
            for shape in shapes(version["schema"]["openAPIV3Schema"]["properties"][part]):
                wanted = [f"| `{name}`" for name in shape.get("properties", {})]
                wanted += [rule["message"] for rule in shape.get("x-kubernetes-validations", [])]
                wanted += [str(shape[bound]) for bound in ("pattern", "maxLength", "maxItems", "maximum") if bound in shape]
                assert not [text for text in wanted if text not in shown]


# ---------------------------------------------------------------- tables that keep up with the code

# CamelCase words of the operator's reconciler that are no reasons: condition types, kinds, and what others call things.
NO_REASONS = {
    "Ready", "Reconciling", "Stalled", "ConfigSynced", "TokenReady", "PipelineScheduled", "PipelineBootstrapped", "AgentAvailable", "Responsive",
    "Reconcile", "Apply", "Read"}


def test_each_reason_is_explained():
    sources = [file for part in ("reconcile", "platform") for file in (ROOT / "operator" / "src" / "provisioner" / part).glob("*.cc")]
    words = {word for file in sources for word in re.findall(r'"([A-Z][a-z]+(?:[A-Z][a-z]+)*)"', re.sub(r"//[^\n]*", "", file.read_text()))}
    reasons = words - NO_REASONS
    assert {"Provisioned", "InvalidSpec", "WriteStorm", "GaveUp"} <= reasons, "the reasons are not where this test looks for them"
    page = document("conditions.md")
    explained = {row[0].strip("`") for row in page.rows if len(row) == 4 and re.fullmatch(r"`[A-Z]\w+`", row[0])}
    assert explained == reasons, f"not explained: {sorted(reasons - explained)}; not in the code: {sorted(explained - reasons)}"


def test_each_annotation_is_explained():
    header = "".join((ROOT / "libs" / "domain" / name).read_text() for name in ("team_provisioning.h", "agent_release.h"))
    names = set(re.findall(r'"(incidentfox\.io/[\w-]+)"', header)) - {"incidentfox.io/team-operator"}  # the finalizer
    assert len(names) >= 6
    told = {row[0].strip("`") for row in document("conditions.md").rows}
    assert names <= told, names - told


def test_rights_are_those_of_the_chart():
    files = ("operator-rules", "operator-platform-rules", "operator-release-rules", "gateway-admin-rules")
    rights = {}
    for column, file in enumerate(files):
        for rule in yaml.safe_load((CHART / "files" / f"{file}.yaml").read_text()):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    plural, _, sub = resource.partition("/")
                    name = ".".join(filter(None, (plural, group))) + (f"/{sub}" if sub else "")
                    rights.setdefault(name, [set(), set(), set(), set()])[column] |= set(rule["verbs"])
    told = {row[0].strip("`"): [set(re.findall(r"`(\w+)`", cell)) for cell in row[1:]]
            for row in document("security.md").rows if len(row) == 5 and re.fullmatch(r"`[\w./]+`", row[0])}
    assert told == rights


def test_each_key_of_an_endpoint_is_explained():
    source = (ROOT / "webhook-gateway" / "src" / "gateway" / "policy" / "config_file.cc").read_text()
    keys = set(re.findall(r'\.name = "(\w+)"', source))
    assert {"dedupeId", "identifiers", "file"} <= keys
    told = {name for row in document("providers/generic.md").rows for name in re.findall(r"`(\w+)`", row[0])}
    assert keys <= told, keys - told


def said(default):
    """A flag's default as limits.md says it: "10m30s" is "10 min 30 s"."""
    units = {"h": " h", "m": " min", "s": " s"}
    parts = re.findall(r"(\d+)([hms])", default)
    return " ".join(number + units[unit] for number, unit in parts) if parts and "".join(map("".join, parts)) == default else default


def test_limits_have_the_defaults_of_their_flags():
    defaults = {flag: default for flags in configured_flags().values() for flag, default in flags.items()}
    checked = 0
    for row in document("limits.md").rows:
        for flag in re.findall(r"`--([a-z-]+)`", row[-1]):
            assert flag in defaults, f"--{flag}"
            if defaults[flag] not in ("0", ""):
                checked += 1
                value = said(defaults[flag])
                assert re.search(rf"(?<!\d){re.escape(value)}(?!\d)", row[1]), f"--{flag} is {value}, and limits.md says: {row[1]}"
    assert checked > 30


def test_limits_have_the_bounds_of_the_definition():
    file = ROOT / "crds" / "teamprovisionings.yaml"
    root = yaml.safe_load(file.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    checked = 0
    for row in document("limits.md").rows:
        for path in re.findall(r"`((?:spec|status)\.[\w.]+)`", row[0]):
            shape = root
            for name in path.split("."):
                shape = shape["properties"][name]
            its = [shape, shape.get("items", {}), *(shape.get("properties", {}).values() if path == "spec.routing" else ())]
            for bound in ("maxItems", "maximum", *(() if "duration(" in json.dumps(shape) else ("maxLength",))):
                for number in {inner[bound] for inner in its if bound in inner}:
                    checked += 1
                    assert re.search(rf"(?<!\d){number}(?!\d)", row[1]), f"{path}: {bound} is {number}, and limits.md says: {row[1]}"
    assert checked >= 8


@pytest.mark.parametrize("file, pattern, row, says", [
    ("operator/src/provisioner/platform/token_rules.h", r"kMaxKnownTokens = (\d+)", "live tokens of a team", "{}"),
    ("operator/src/provisioner/reconcile/status.cc", r"minutes kRunLimit\{(\d+)\}", "a provisioning run that is not Ready", "{} min"),
    ("libs/kube/runtime/circuit_breaker.h", r"double capacity = (\d+);", "writes to one team's objects", "{} in a row"),
    ("libs/domain/free_config.h", r"kMaxConfigLeaves = (\d+)", "`spec.config`", "{} values"),
    ("libs/domain/free_config.h", r"kMaxConfigDepth = (\d+)", "`spec.config`", "{} levels"),
    ("webhook-gateway/src/gateway/signatures/scheme.h", r"kTimestampTolerance\{(\d+)\}", "age of a signature", "{} s"),
    ("webhook-gateway/src/gateway/ingest/failure_limit.h", r"double burst = (\d+);", "wrong signatures of one address", "{}, then"),
    ("webhook-gateway/src/gateway/sources/body.cc", r"kDepth = (\d+)", "JSON", "depth {}"),
    ("webhook-gateway/src/gateway/inbox/writer.h", r"batch_events = (\d+)", "one statement of the inbox", "{} events"),
    ("webhook-gateway/src/gateway/platform/config_service.h", r"kMaxConcurrent = (\d+)", "calls to the Config Service at a time, of", "{},"),
    ("webhook-gateway/src/gateway/platform/outcome.cc", r"kMayHaveRun = (\d+)", "attempts that may have reached an agent", "{}"),
    ("webhook-gateway/src/gateway/inbox/search.h", r"kMaxEvents = (\d+)", "a page of events", "{} each"),
    ("webhook-gateway/src/gateway/admin/provisioning_requests.cc", r"kLongestWait = (\d+)", "`?wait=`", "to {} s"),
    ("webhook-gateway/src/gateway/app/app.cc", r"kWorkerConnections = (\d+)", "role `worker`", "{}"),
    ("webhook-gateway/src/gateway/inbox/writer.h", r"flushers = (\d+)", "role `webhooks`", "{}"),
], ids=lambda value: value.split(" ")[0][:24] if isinstance(value, str) else "")
def test_limits_have_the_numbers_of_the_code(file, pattern, row, says):
    (number,) = re.findall(pattern, (ROOT / file).read_text())
    (cells,) = [cells for cells in document("limits.md").rows if cells[0].startswith(row)]
    assert says.format(number) in cells[1], cells


def test_what_a_dedicated_team_costs(tmp_path):
    def plan(**spec):
        file = tmp_path / "team.yaml"
        file.write_text(yaml.safe_dump({
            "apiVersion": "incidentfox.io/v1alpha1", "kind": "TeamProvisioning", "metadata": {"name": "a", "namespace": "b"},
            "spec": {"orgId": "acme", "teamNodeId": "a"} | spec}))
        done = run_operator("plan", "-f", str(file))
        assert done.returncode == 0, done.stderr
        return {d["kind"]: d for d in yaml.safe_load_all(done.stdout) if d and d["kind"] != "ServiceAccount"}

    def told(what):
        (row,) = [row for row in document("choosing-a-runtime.md").rows if row[0].startswith(what)]
        return row[2]

    assert plan() == {}
    assert set(plan(pipeline={"schedule": "@daily"})) == {"CronJob"}
    dedicated = plan(runtime={"mode": "Dedicated"})
    assert set(dedicated) == {"Deployment", "Service"} and "a Deployment and a Service" in told("objects in the cluster")
    for kind, what, its in (("PodDisruptionBudget", "… with more than one replica", {"replicas": 2}),
                            ("NetworkPolicy", "… with `networkIsolation`", {"networkIsolation": "Enabled"}),
                            ("HorizontalPodAutoscaler", "… with `autoscaling`", {"autoscaling": {"maxReplicas": 1}})):
        assert set(plan(runtime={"mode": "Dedicated", "dedicated": its})) - set(dedicated) == {kind}
        assert kind in told(what)
    pod = dedicated["Deployment"]["spec"]["template"]["spec"]
    resources = pod["containers"][0]["resources"]
    assert told("requests of each") == "{cpu} CPU, {memory} memory".format(**resources["requests"])
    assert told("limits of each") == "{cpu} CPU, {memory} memory".format(**resources["limits"])
    assert pod["terminationGracePeriodSeconds"] == 630 and "10 min 30 s" in told("pods while a roll-out lasts")
    page = document("choosing-a-runtime.md").text
    for part, field in (("the AI pipeline's requests", "pipeline"), ("dependency discovery's", "dependencyDiscovery")):
        its = plan(**{field: {"schedule": "@daily"}})["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert "{} {cpu} and {memory}".format(part, **its["requests"]) in page
        assert "{cpu} and {memory})".format(**its["limits"]) in page


# ---------------------------------------------------------------- links


def is_local(target):
    return not re.match(r"[a-z]+:", target)


def leads_to(source, target):
    """The file and the anchor of a link, both perhaps empty."""
    path, _, anchor = target.partition("#")
    return (source.path.parent / urllib.parse.unquote(path)).resolve() if path else source.path, anchor


def test_links_lead_somewhere():
    broken = []
    for source in documents():
        for target in filter(is_local, source.links):
            file, anchor = leads_to(source, target)
            if not file.exists() or anchor and (file.suffix != ".md" or anchor not in Document(file).anchors):
                broken.append(f"{source}: {target}")
    assert not broken


def test_addresses_are_well_formed():
    for source in documents():
        for target in (target for target in source.links if not is_local(target)):
            parts = urllib.parse.urlsplit(target)
            assert parts.scheme == "https" and re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.hostname), f"{source}: {target}"


def test_every_file_of_docs_can_be_found():
    """From README.md, or the index in docs/."""
    seen, left = set(), [ROOT / "README.md", DOCS / "README.md"]
    while left:
        file = left.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix == ".md":
            left += [path for path, _ in (leads_to(Document(file), target) for target in Document(file).links if is_local(target)) if path.is_file()]
    lost = [file.relative_to(ROOT).as_posix() for file in DOCS.rglob("*") if file.is_file() and file not in seen]
    assert not lost, "no link leads to them from README.md or docs/README.md"


# ---------------------------------------------------------------- commands and flags


def helped(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", done.stdout))


def test_flags_exist():
    known = {f"--{flag}" for flags in configured_flags().values() for flag in flags} | FOREIGN
    known |= helped("examples/send-webhook", "--help") | helped("./dev", "help")
    known |= set(re.findall(r'"(--[a-z-]+)"', (ROOT / "plugin" / "kubectl-team").read_text()))  # of all its words
    unknown = []
    for source in documents():
        for span in source.spans:
            name = re.match(r"--[a-z][a-z0-9-]*", span)
            if not name:
                continue
            rest = span[name.end():]
            if rest.startswith(("…", "-…", "SOURCE", "NAME")) or name.group().endswith("-"):
                if any(flag.startswith(name.group()) for flag in known):
                    continue
            elif name.group() in known:
                continue
            unknown.append(f"{source}: {span}")
    assert not unknown


def commands_of(source):
    """(where, program, what follows it) of each call of ours, in fenced and in inline code."""
    lines = []
    for block in source.blocks:
        if block.language in ("console", "sh", ""):
            joined = re.sub(r"\\\n\s*", " ", block.text).splitlines()
            lines += [(str(block), line) for line in joined if block.language == "sh" or line.startswith("$ ")]
    lines += [(str(source), f"$ {span}") for span in source.spans]
    for where, line in lines:
        line = re.sub(r"\s+#.*$", "", line)
        for program, rest in re.findall(rf"(?:^\$ |^ *|[|;&] *|-- )(?:[\w./-]*/)?({'|'.join(PROGRAMS)}) ([^|;&)`]*)", line):
            yield where, program, rest.split()


def test_commands_exist():
    flags = configured_flags()
    known = {"send-webhook": helped("examples/send-webhook", "--help"), "dev": helped("./dev", "help")}
    words = set(re.findall(r"^  \./dev (\w+)|\| (\w+) ", subprocess.run(["./dev", "help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout, re.M))
    words = {word for pair in words for word in pair if word}
    seen, wrong = 0, []
    for source in documents():
        for where, program, rest in commands_of(source):
            given = {re.match(r"--[a-z][a-z0-9-]*", word).group() for word in rest if re.match(r"--[a-z]", word)}
            if program == "dev":
                allowed = known[program] if rest and rest[0] in words else None
            elif program == "send-webhook":
                allowed = known[program]
            else:
                command = next((c for c in (f"{program} {' '.join(rest[:n])}" for n in (2, 1)) if c in flags), None)
                allowed = {f"--{flag}" for flag in flags[command]} if command else None
                if any(" ".join(rest[:n]) in WORDS_OF_PROGRAMS[program] for n in (1, 2)):
                    allowed = set()
            seen += 1
            if allowed is None or given - allowed - {"--help"}:
                wrong.append(f"{where}: {program} {' '.join(rest)}")
    assert seen > 30 and not wrong, wrong


# ---------------------------------------------------------------- metrics


def test_metrics_exist():
    """docs/metrics.md is compared with what the programs serve; here, what others say with docs/metrics.md."""
    known = {row[0].strip("`") for row in document("metrics.md").rows}
    families = "webhook_gateway|teamprovisioning|workqueue|controller_runtime|rest_client|leader_election|kube_watch|kube_circuit_breaker|kube_events"
    unknown, seen = set(), 0
    for source in documents():
        code = source.spans + [block.text for block in source.blocks if block.language in ("console", "promql", "yaml")]
        for name in re.findall(rf"(?<![\w.$/-])(?:{families})_[a-z_]*[a-z](?![\w*…:.-])", "\n".join(code)):
            seen += 1
            if not {name, re.sub(r"_(bucket|count|sum)$", "", name)} & known:
                unknown.add(f"{source}: {name}")
    assert seen > 50 and not unknown


# A row of docs/benchmarks.md, one below it, where its number is, and where docs/scaling.md says it.
FIGURES = [
    ("10,000 shared, scheduled teams that are there", "10,000 shared", r"([\d.]+) s", r"\| ([\d.]+) s and \d+ s of CPU"),
    ("10,000 shared, scheduled teams that are there", "… operator CPU in all", r"([\d.]+) s", r"s and ([\d.]+) s of CPU"),
    ("10,000 shared, scheduled teams that are there", "… resident memory", r"([\d.]+) MiB", r"\| ([\d.]+) MiB at most"),
    ("restart with 10,000 teams", "restart", r", ([\d.]+) s", r"\| ([\d.]+) s, no request besides"),
    ("passes that find nothing to do", "… operator CPU a pass", r"([\d.]+) µs", r"\| ([\d.]+) µs a pass"),
    ("100,000 events of 2 KB", "… memory before", r", ([\d.]+) MiB", r"never took it beyond ([\d.]+) MiB"),
    ("all roles in one process", "all roles", r"([\d.]+) MiB", r"runs in flight had ([\d.]+) MiB"),
    ("all roles in one process", "… 64 connections", r"PostgreSQL ([\d.]+) µs", r"PostgreSQL took ([\d.]+) µs"),
    ("100 different teams, dedicated", "100", r"([\d.]+) a second", r"([\d.]+) dedicated or"),
    ("200 different teams, shared", "200", r"([\d.]+) a second", r"or ([\d.]+) shared teams a second"),
]


def test_figures_are_those_that_were_measured():
    """They are rounded and from one day; what is off by half has to be told anew."""
    rows, page = document("benchmarks.md").rows, document("scaling.md").text
    for first, row, number, says in FIGURES:
        below = rows[next(i for i, cells in enumerate(rows) if cells[0].startswith(first)):]
        measured = float(re.search(number, next(cells[1] for cells in below if cells[0].startswith(row))).group(1))
        told = float(re.search(says, page).group(1))
        assert 0.67 < told / measured < 1.5, f"{row}: measured {measured}, and scaling.md says {told}"
