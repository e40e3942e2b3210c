"""What there is for Prometheus, Grafana and Argo CD, and what it says: alerts, dashboards, runbooks, health checks."""

import json
import re
import subprocess

import yaml

from support.cluster import CHART, ROOT
from support.metrics import documented

ALERTS = sorted((CHART / "files" / "alerts").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
HEALTH = ROOT / "integrations" / "argocd" / "incidentfox.io"
EVERYTHING = {"gateway": {"enabled": True}, "monitoring": {part: {"enabled": True} for part in ("podMonitor", "prometheusRule", "dashboards")}}
PROGRAMS = ("team-operator", "webhook-gateway")


def tool(name):
    """promtool or prometheus."""
    return subprocess.run([ROOT / "tools" / "deps", f"--{name}"], check=True, capture_output=True, text=True).stdout.strip()


# ---------------------------------------------------------------- what is there


def rules(file):
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def alerts():
    """name -> its rules: several for the windows of a burn rate."""
    found = {}
    for file in ALERTS:
        for rule in rules(file):
            if "alert" in rule:
                found.setdefault(rule["alert"], []).append(rule)
    return found


def panels(file):
    return [p for p in json.loads(file.read_text())["panels"] if p["type"] != "row"]


def queries():
    """(where, expression) of everything that Prometheus is to be asked."""
    for file in ALERTS:
        for rule in rules(file):
            yield rule.get("alert") or rule["record"], rule["expr"]
    for file in DASHBOARDS:
        for panel in panels(file):
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


# ---------------------------------------------------------------- the metrics that queries name

SELECTOR = re.compile(r"([a-z_:][a-z0-9_:]*)\s*\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)"')
OURS = re.compile(r"\b(?:teamprovisioning|webhook_gateway|controller_runtime|workqueue|rest_client|kube_watch|kube_circuit_breaker|kube_events|"
                  r"leader_election|team_operator)[_:][a-z0-9_:]+\b")
# What Prometheus or its operator add.
TARGET = {"job", "namespace", "instance", "pod", "le", "severity", "alertname"}


def known_metrics():
    """Sample name -> its labels, of both programs and of what the rules record."""
    known = {}
    for program in PROGRAMS:
        for name, (kind, labels) in documented(program).items():
            for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
                known[name + suffix] = labels | known.get(name + suffix, set())
    for file in ALERTS:
        known |= {rule["record"]: {"state"} for rule in rules(file) if "record" in rule}
    return known


def strangers(text, known):
    """Metrics and labels in a query, or in a document, that nothing has."""
    for name in OURS.findall(text):
        if name not in known:
            yield name
    for name, matchers in SELECTOR.findall(text):
        for label, *_ in MATCHER.findall(matchers):
            if label not in TARGET | known.get(name, set()):
                yield f"{name}: {label}"


# ---------------------------------------------------------------- the chart's part


def by_program(documents, kind):
    """app.kubernetes.io/name -> the document of this kind, of those that monitoring is made of."""
    return {d["metadata"]["labels"]["app.kubernetes.io/name"]: d for d in documents if d["kind"] == kind}


# ---------------------------------------------------------------- Argo CD

RUN = """
obj = dofile(arg[2])
local health = dofile(arg[1])
io.write(health.status, "\\n", health.message)
"""


def lua(value):
    """A value as Lua writes it; null is left out, as Argo CD does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03}" if byte < 32 or byte > 126 or chr(byte) in '"\\' else chr(byte) for byte in value.encode()) + '"'
    if isinstance(value, list):
        return "{" + ",".join(lua(item) for item in value) + "}"
    return "{" + ",".join(f"[{lua(key)}]={lua(item)}" for key, item in value.items() if item is not None) + "}"


def argo_health(obj, tmp_path):
    """(status, message) by Lua 5.1, whose language Argo CD's interpreter has."""
    (tmp_path / "object.lua").write_text("return " + lua(obj))
    (tmp_path / "run.lua").write_text(RUN)
    done = subprocess.run(["lua5.1", tmp_path / "run.lua", HEALTH / obj["kind"] / "health.lua", tmp_path / "object.lua"],
                          capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    status, _, message = done.stdout.partition("\n")
    return status, message
