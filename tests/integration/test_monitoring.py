"""Alerts, dashboards, runbooks and what other tools get of us: valid, complete, and about metrics that exist. That there is data
behind them is seen in tests/e2e/test_prometheus.py."""

import json
import re
import subprocess

import pytest
import yaml

from support.chart import render
from support.cluster import CHART, ROOT
from support.monitoring import (ALERTS, DASHBOARDS, EVERYTHING, HEALTH, PROGRAMS, RUNBOOKS, alerts, argo_health, by_program, known_metrics, panels,
                                queries, rules, strangers, tool)
from support.status_oracle import kstatus
from support.tools import built
from support.waiting import eventually

CASES = ROOT / "tests" / "fixtures" / "alerts"
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def promtool(*args):
    done = subprocess.run([tool("promtool"), *args], capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stdout + done.stderr


# ---------------------------------------------------------------- alerts


def test_the_rules_are_valid():
    code, said = promtool("check", "rules", *ALERTS)
    assert code == 0, said


def test_every_alert_says_what_somebody_needs():
    for name, its_rules in alerts().items():
        for rule in its_rules:
            assert rule["labels"]["severity"] in ("critical", "warning"), name
            assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name
            assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
        windows = [rule["labels"].get("window") for rule in its_rules]
        assert len(set(windows)) == len(its_rules), f"{name} twice"


def cases_of(file):
    """All values as text: 0x20 is promtool's notation, and no number."""
    return yaml.load((CASES / file.name).read_text(), Loader=yaml.BaseLoader)


def promtools_tests(name, case, file):
    """A case as promtool has it: ALERTS are the alerts, as Prometheus keeps them."""
    expression = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    wanted = {at: [] for at in case.get("silent", [])} | case.get("firing", {})
    expected = []
    for at, samples in wanted.items():
        exact = []
        for labels in samples:
            labels = {"severity": alerts()[name][0]["labels"]["severity"], "alertname": name, "alertstate": "firing"} | labels
            exact.append({"labels": "ALERTS{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}", "value": 1})
        expected.append({"expr": expression, "eval_time": at, "exp_samples": exact})
    return {"interval": "1m", "name": f"{name} of {file.stem}", "promql_expr_test": expected,
            "input_series": [{"series": series, "values": values} for series, values in case["series"].items()]}


@pytest.mark.parametrize("file", ALERTS, ids=lambda file: file.stem)
def test_each_alert_fires_when_it_should_and_not_otherwise(file, tmp_path):
    cases = cases_of(file)
    ours = {rule["alert"] for rule in rules(file) if "alert" in rule}
    assert set(cases) == ours
    for name, its_cases in cases.items():
        assert any(case.get("firing") for case in its_cases) and any(case.get("silent") for case in its_cases), name
    tests = [promtools_tests(name, case, file) for name, its_cases in cases.items() for case in its_cases]
    order = [group["name"] for group in yaml.safe_load(file.read_text())["groups"]]
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(
        {"rule_files": [str(file)], "evaluation_interval": "1m", "group_eval_order": order, "tests": tests}))
    code, said = promtool("test", "rules", tmp_path / "tests.yaml")
    assert code == 0, said


def test_annotations_name_labels_that_their_alert_has():
    for file in ALERTS:
        for name, its_cases in cases_of(file).items():
            fired = [labels for case in its_cases for samples in case.get("firing", {}).values() for labels in samples]
            has = set.intersection(*map(set, fired)) | {"severity"}
            for rule in alerts()[name]:
                named = set(re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())))
                assert named <= has, f"{name}: {named - has}"


# ---------------------------------------------------------------- names


def test_queries_name_what_the_programs_have():
    known = known_metrics()
    wrong = [f"{where}: {stranger}" for where, expression in queries() for stranger in strangers(expression, known)]
    assert not wrong


def test_documents_name_what_the_programs_have():
    known = known_metrics()
    # A name without its suffix is a histogram's.
    known |= {re.sub(r"_(bucket|count|sum)$", "", name): labels for name, labels in known.items()}
    documents = [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "monitoring.md"]
    assert len(documents) > 1
    wrong = [f"{file.name}: {stranger}" for file in documents for stranger in strangers(file.read_text(), known)]
    assert not wrong


def test_what_is_recorded_is_used():
    expressions = [expression for _, expression in queries()]
    for file in ALERTS:
        for rule in rules(file):
            if "record" in rule:
                assert sum(rule["record"] in expression for expression in expressions) > 0, rule["record"]


# ---------------------------------------------------------------- runbooks


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert {file.stem for file in RUNBOOKS.glob("*.md")} == set(alerts())
    for file in RUNBOOKS.glob("*.md"):
        text = file.read_text()
        assert text.startswith(f"# {file.stem}\n")
        assert re.findall(r"^## (.+)$", text, re.M) == HEADINGS, file.name
        diagnosis = text.split("## Diagnosis")[1].split("## Mitigation")[0]
        assert "```" in diagnosis, f"{file.name}: no command or query to find out with"


def test_the_manual_lists_the_alerts():
    listed = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+(?:, \w+)*) \|", (ROOT / "docs" / "monitoring.md").read_text(), re.M)
    assert all(name == target for name, target, _ in listed)
    assert {name: set(severities.split(", ")) for name, _, severities in listed} == {
        name: {rule["labels"]["severity"] for rule in its_rules} for name, its_rules in alerts().items()}


def test_prometheus_takes_the_scrape_config_of_the_manual(tmp_path):
    (block,) = [b for b in re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "monitoring.md").read_text(), re.M | re.S) if "scrape_configs" in b]
    config = yaml.safe_load(block)
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs) == set(PROGRAMS) and jobs["team-operator"]["honor_labels"] is True
    for job in jobs.values():
        assert [found["role"] for found in job.pop("kubernetes_sd_configs")] == ["pod"]  # Debian's Prometheus is built without it
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    code, said = promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yaml")
    assert code == 0, said


def test_the_manuals_inhibitions_are_about_alerts_that_exist():
    (block,) = [b for b in re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "monitoring.md").read_text(), re.M | re.S) if "inhibit_rules" in b]
    for rule in yaml.safe_load(block)["inhibit_rules"]:
        assert set(rule) == {"source_matchers", "target_matchers"}
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            names = re.fullmatch(r'alertname =~? "([\w|]+)"', matcher)[1].split("|")
            assert set(names) <= set(alerts()), matcher


# ---------------------------------------------------------------- dashboards


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_whole(file):
    board = json.loads(file.read_text())
    assert board["schemaVersion"] >= 41 and board["uid"] and board["title"]
    variables = {v["name"]: v for v in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    ids = [p["id"] for p in board["panels"]]
    assert len(set(ids)) == len(ids)
    places = [p["gridPos"] for p in board["panels"]]
    assert not [(a, b) for i, a in enumerate(places) for b in places[:i] if overlap(a, b)]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for panel in panels(file):
        title = panel["title"]
        assert panel["type"] in ("stat", "timeseries", "table") and panel["description"], title
        assert panel["fieldConfig"]["defaults"]["unit"], title
        assert len({t["refId"] for t in panel["targets"]}) == len(panel["targets"]), title
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, title
            used = set(re.findall(r"\$\{?(\w+)", target["expr"] + target.get("legendFormat", "")))
            assert used <= set(variables) | {"__rate_interval"}, title
            assert "rate(" not in target["expr"] or "$__rate_interval" in target["expr"] or ":" in target["expr"], title


# ---------------------------------------------------------------- the chart


def test_the_chart_has_them_where_they_are_wanted(cluster):
    kinds = ("PodMonitor", "PrometheusRule")
    assert not [d for d in render(cluster, {}) if d["kind"] in kinds or d["metadata"]["name"].endswith("-dashboard")]
    documents = render(cluster, EVERYTHING)
    deployments = [d["spec"]["template"] for d in documents if d["kind"] == "Deployment"]
    monitored = []
    for name, monitor in by_program(documents, "PodMonitor").items():
        selector = monitor["spec"]["selector"]["matchLabels"]
        pods = [pod for pod in deployments if selector.items() <= pod["metadata"]["labels"].items()]
        monitored += pods
        assert pods and all(pod["metadata"]["labels"][monitor["spec"]["jobLabel"]] == name for pod in pods)
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        for pod in pods:
            assert [p["name"] for c in pod["spec"]["containers"] for p in c["ports"]].count(endpoint["port"]) == 1
    assert len(monitored) == len(deployments)
    for program in PROGRAMS:
        (rule,) = [d for d in documents if d["kind"] == "PrometheusRule" and d["metadata"]["name"] == program]
        original = yaml.safe_load((CHART / "files" / "alerts" / f"{program}.yaml").read_text())
        assert rule["spec"] == original, "with its defaults the chart changes nothing"
        (board,) = [d for d in documents if d["metadata"]["name"] == f"{program}-dashboard"]
        assert json.loads(board["data"][f"{program}.json"]) == json.loads((CHART / "files" / "dashboards" / f"{program}.json").read_text())
        assert board["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_an_api_server_with_the_definitions_takes_them(cluster, tmp_path):
    if cluster.audit is None:
        pytest.skip("puts definitions into the cluster, which is somebody else's")
    cluster.kube.kubectl("apply", "--server-side", f"--filename={built('monitoring', 'monitoring-crds.yaml')}")
    documents = [d for d in render(cluster, EVERYTHING_SET)
                 if d["kind"] in ("PodMonitor", "PrometheusRule") or d["metadata"]["name"].endswith("-dashboard")]
    assert len(documents) == 6
    file = tmp_path / "monitoring.yaml"
    file.write_text(yaml.safe_dump_all(documents))

    def taken():
        done = cluster.kube.kubectl("apply", "--dry-run=server", "--validate=strict", f"--filename={file}", check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("(server dry run)") == 6
        return True

    eventually(taken, 60)


def test_the_gateways_are_there_with_the_gateway(cluster):
    documents = render(cluster, {"monitoring": EVERYTHING["monitoring"]})
    assert set(by_program(documents, "PodMonitor")) == set(by_program(documents, "PrometheusRule")) == {"team-operator"}


SETTINGS = {
    "podMonitor": {"interval": "15s", "labels": {"release": "prometheus"}},
    "prometheusRule": {"labels": {"release": "prometheus"}, "alertLabels": {"team": "platform", "severity": "page"}, "disabled": ["TeamStalled"],
                       "runbookUrl": "https://wiki.example.com/", "objectives": {"teamsReady": 0.999, "startedInTime": 0.98}, "driftSeconds": 90000},
    "dashboards": {"labels": {"grafana_dashboard": "yes"}, "annotations": {"grafana_folder": "IncidentFox"}},
}
EVERYTHING_SET = {"gateway": {"enabled": True}, "monitoring": {part: {"enabled": True} | its for part, its in SETTINGS.items()}}


def test_values_reach_what_is_monitored(cluster, tmp_path):
    documents = render(cluster, EVERYTHING_SET)
    for monitor in by_program(documents, "PodMonitor").values():
        assert monitor["spec"]["podMetricsEndpoints"][0]["interval"] == "15s" and monitor["metadata"]["labels"]["release"] == "prometheus"
    found = {}
    for rule_set in by_program(documents, "PrometheusRule").values():
        assert rule_set["metadata"]["labels"]["release"] == "prometheus"
        file = tmp_path / f"{rule_set['metadata']['name']}.yaml"
        file.write_text(yaml.safe_dump(rule_set["spec"]))
        code, said = promtool("check", "rules", file)
        assert code == 0, said
        for rule in rules(file):
            found.setdefault(rule.get("alert"), []).append(rule)
    assert set(alerts()) - set(found) == {"TeamStalled"}
    for name, its_rules in found.items():
        for rule in its_rules if name else []:
            assert rule["labels"].items() >= {"team": "platform", "severity": "page"}.items()
            assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/{name}.md"
            assert "0.99)" not in rule["expr"]
    for name, share, percent in (("TeamsReadyBudgetBurn", "0.999", "99.9 %"), ("WebhookGatewayStartBudgetBurn", "0.98", "98 %")):
        assert f"14.4 * (1 - {share})" in found[name][0]["expr"] and percent in found[name][0]["annotations"]["description"]
    assert "> 90000" in found["TeamsNotCompared"][0]["expr"]
    (board,) = [d for d in documents if d["metadata"]["name"] == "team-operator-dashboard"]
    assert board["metadata"]["labels"]["grafana_dashboard"] == "yes" and board["metadata"]["annotations"] == {"grafana_folder": "IncidentFox"}


@pytest.mark.parametrize("settings, said", [
    ({"disabled": ["TeamStaled"]}, "there is no alert TeamStaled"), ({"objectives": {"teamsReady": 0.5}}, "teamsReady"),
    ({"thresholds": {}}, "thresholds")], ids=["unknown-alert", "objective", "unknown-key"])
def test_wrong_values_are_refused(cluster, settings, said):
    with pytest.raises(AssertionError, match=said):
        render(cluster, {"monitoring": {"prometheusRule": {"enabled": True} | settings}})


# ---------------------------------------------------------------- Argo CD


def samples():
    return [(file, test) for file in sorted(HEALTH.glob("*/health_test.yaml")) for test in yaml.safe_load(file.read_text())["tests"]]


@pytest.mark.parametrize("file, test", samples(), ids=lambda it: it["inputPath"] if isinstance(it, dict) else it.parent.name)
def test_argo_cd_sees_the_health(file, test, tmp_path):
    obj = yaml.safe_load((file.parent / test["inputPath"]).read_text())
    assert obj["kind"] == file.parent.name
    assert argo_health(obj, tmp_path) == (test["healthStatus"]["status"], test["healthStatus"]["message"])


def test_the_samples_of_argo_cd_show_each_health():
    assert {test["healthStatus"]["status"] for file, test in samples() if file.parent.name == "TeamProvisioning"} == {
        "Healthy", "Progressing", "Degraded", "Suspended"}
    assert {test["healthStatus"]["status"] for file, test in samples() if file.parent.name == "AgentRelease"} == {"Healthy", "Progressing", "Degraded"}


def test_argo_cd_and_kstatus_agree():
    meant = {"Healthy": "Current", "Degraded": "Failed", "Progressing": "InProgress"}
    judged = 0
    for file, test in samples():
        obj = yaml.safe_load((file.parent / test["inputPath"]).read_text())
        if obj["kind"] == "TeamProvisioning" and test["healthStatus"]["status"] != "Suspended" and "deletionTimestamp" not in obj["metadata"]:
            assert kstatus(obj) == meant[test["healthStatus"]["status"]], test["inputPath"]
            judged += 1
    assert judged >= 4
