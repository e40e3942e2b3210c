"""Prometheus itself scrapes both programs as the chart says: there is data behind every panel and every alert, an alert fires when
something is wrong, and none when nothing is. And what others make of live resources: Argo CD, kube-state-metrics."""

import contextlib
import json
import re
import subprocess
import types
import urllib.request

import pytest
import yaml

from support import platform, webhooks
from support.admin_api import Api
from support.chart import render
from support.cluster import DEMO, ROOT
from support.gateway import GatewayProcess, free_port
from support.kube import TEAM, TEAM_API
from support.metrics import samples, served
from support.monitoring import DASHBOARDS, EVERYTHING, MATCHER, SELECTOR, alerts, argo_health, queries
from support.prometheus import Prometheus
from support.provisioning import operator_process
from support.status_oracle import kstatus
from support.storm import AWAY, QUICK
from support.stubs import StubServices
from support.teams import Teams, dedicated, reason, scheduled
from support.tools import built
from support.waiting import eventually

NAMESPACE = "prometheus"
GATEWAY = "webhook-gateway"
STATE_METRICS = ROOT / "integrations" / "kube-state-metrics"


@pytest.fixture(scope="module")
def scene(platform_cluster, platform_pods, services, postgres, migrated, state):
    """Both programs and Prometheus, which saw them before they had anything to do, and then some work."""
    directory = state / "prometheus"
    documents = render(platform_cluster, EVERYTHING | {"gateway": {"topology": "combined"}}, [DEMO])
    kube = platform_cluster.kube
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    database = postgres.create(template=migrated)
    with contextlib.ExitStack() as stack:
        stack.callback(database.drop)
        stubs = stack.enter_context(StubServices(directory / "stubs", platform.seed()))
        operator = operator_process(platform_cluster, directory / "operator", services, leader_elect="true")
        stack.callback(operator.close)
        operator.start()
        gateway = GatewayProcess(directory / "gateway", database, stubs, pods=platform_pods, **QUICK)
        stack.callback(gateway.close)
        gateway.expect_errors(*AWAY)
        gateway.start()
        prometheus = stack.enter_context(Prometheus(directory / "server", documents, {
            "team-operator": operator.address("metrics"), GATEWAY: gateway.address("metrics")}))
        scene = types.SimpleNamespace(operator=operator, gateway=gateway, database=database, stubs=stubs, prometheus=prometheus,
                                      teams=Teams(kube, NAMESPACE), kube=kube)
        eventually(lambda: prometheus.query('count(up == 1) == 2') and prometheus.query("teamprovisioning_teams"), 60, "both are scraped")
        work(scene)
        yield scene
        scene.teams.delete_all()
        kube.delete("AgentRelease", None, "of-prometheus")
        eventually(lambda: not scene.teams.all(), 60)


def work(scene):
    teams = scene.teams
    scene.kube.apply({"apiVersion": TEAM_API, "kind": "AgentRelease", "metadata": {"name": "of-prometheus"},
                      "spec": {"agentImage": "registry.example.com/agent:1"}})
    teams.apply("observed", runtime=dedicated(), pipeline=scheduled(), release="of-prometheus")
    teams.apply("doomed", pipeline=scheduled())
    teams.apply("left-alone", suspend=True)
    eventually(lambda: teams.ready("observed", "doomed"), 60)
    teams.apply("stuck", release="not-there")
    eventually(lambda: reason(teams.get("stuck")) == "ReleaseNotFound", 60)
    teams.delete("doomed")
    assert all(a.accepted for a in webhooks.send_all(scene.gateway.url, platform.mixed(12)))
    assert webhooks.send(scene.gateway.url, webhooks.github(platform.repo(0)), secret="not the secret").status == 401
    assert Api(scene.gateway).call("GET", "teams/acme/observed/deployment")[0] == 200
    platform.wait_until_settled(scene.database)
    eventually(lambda: len(teams.all()) == 3, 60)


def test_every_query_of_the_dashboards_has_data(scene):
    assert {job: [health for _, health, _ in pods] for job, pods in scene.prometheus.targets().items()} == {"team-operator": ["up"], GATEWAY: ["up"]}

    def all_have_data():
        empty = scene.prometheus.panels_without_data()
        assert not empty, "\n".join(f"{where}: {expression}" for where, expression in empty)
        return True

    eventually(all_have_data, 30)
    for file in DASHBOARDS:
        (variable,) = [v for v in json.loads(file.read_text())["templating"]["list"] if v["name"] == "namespace"]
        selector = re.fullmatch(r"label_values\((.+), namespace\)", variable["query"]["query"])[1]
        assert {labels["namespace"] for labels, _ in scene.prometheus.query(selector)}


def test_everything_that_alerts_look_at_is_there(scene):
    """A label's value that is misspelt would make an alert that never fires. Counters and states exist at 0."""
    selectors = set()
    for where, expression in queries():
        for name, matchers in SELECTOR.findall(expression):
            wanted = [(label, operator, value) for label, operator, value in MATCHER.findall(matchers) if "$" not in value]
            for chosen, (_, operator, value) in enumerate(wanted):
                for one in value.split("|") if operator == "=~" else [value]:
                    parts = [f'{k}{o}"{one if i == chosen else v}"' for i, (k, o, v) in enumerate(wanted)]
                    selectors.add((where, f"{name}{{{','.join(parts)}}}"))

    def all_are_there():
        missing = [f"{where}: {selector}" for where, selector in sorted(selectors) if not scene.prometheus.query(f"count({selector})")]
        assert not missing, "\n".join(missing)
        return True

    eventually(all_are_there, 30)


def test_each_role_is_told_by_a_metric_that_no_other_has(database, gateways):
    telling = {"Webhooks": "webhook_gateway_inbox_write_failures_total", "Workers": "webhook_gateway_runs_in_flight",
               "Admin": "kube_watch_resource_missing"}
    for role, name in telling.items():
        assert [rule["expr"] for rule in alerts()[f"WebhookGateway{role}Down"]] == [f'absent({name}{{job="{GATEWAY}"}})']
    for role, process in (("Webhooks", "webhooks"), ("Workers", "worker")):
        found = served(gateways(database, roles=process).fetch("metrics", "/metrics")[1])
        assert [its for its, name in telling.items() if name in found] == [role]


def test_a_team_keeps_its_namespace(scene):
    ((labels, _),) = eventually(lambda: scene.prometheus.query('teamprovisioning_stalled{name="stuck"}'), 30)
    assert labels["namespace"] == NAMESPACE and "exported_namespace" not in labels


def test_an_alert_fires_while_the_agent_is_down(scene):
    firing = scene.prometheus.firing
    # What is as it should be alarms nobody.
    eventually(lambda: set(firing()) == {"TeamStalled"}, 30, "only the stalled team is told of")
    ((stalled,),) = firing().values()
    assert (stalled["labels"]["namespace"], stalled["labels"]["name"], stalled["labels"]["team_node_id"]) == (NAMESPACE, "stuck", "stuck")
    assert stalled["annotations"]["summary"] == f"Team {NAMESPACE}/stuck is stalled."

    scene.stubs.agent.listen(False)
    assert all(a.accepted for a in webhooks.send_all(scene.gateway.url, platform.mixed(8)))
    eventually(lambda: "WebhookGatewayAgentRefuses" in firing(), 60, "the alert fires")
    (refuses,) = firing()["WebhookGatewayAgentRefuses"]
    assert refuses["labels"]["severity"] == "warning" and refuses["annotations"]["summary"] == "1 agents take no runs."
    texts = [text for its in firing().values() for alert in its for text in alert["annotations"].values()]
    assert not [text for text in texts if "<error" in text or "<no value>" in text]
    # All of them are events that wait for that agent.
    assert set(firing()) <= {"TeamStalled", "WebhookGatewayAgentRefuses", "WebhookGatewayEventsRetry", "WebhookGatewayStartBudgetBurn"}

    scene.stubs.agent.listen(True)
    eventually(lambda: "WebhookGatewayAgentRefuses" not in firing(), 60, "the alert is over")
    platform.wait_until_settled(scene.database)
    assert set(firing()) < set(alerts())


def test_argo_cd_reads_live_resources_as_kstatus_does(scene, tmp_path):
    meant = {"Current": "Healthy", "Failed": "Degraded", "InProgress": "Progressing", "Terminating": "Progressing"}
    found = {team["metadata"]["name"]: (kstatus(team), *argo_health(team, tmp_path)) for team in scene.kube.list(TEAM, NAMESPACE)}
    assert set(found) == {"observed", "stuck", "left-alone"}
    assert found.pop("left-alone")[1:] == ("Suspended", "left alone on request")
    assert {name: health for name, (_, health, _) in found.items()} == {"observed": "Healthy", "stuck": "Degraded"}
    assert all(health == meant[verdict] for verdict, health, _ in found.values())
    assert found["stuck"][2].startswith("ReleaseNotFound: ")
    eventually(lambda: scene.kube.get("AgentRelease", None, "of-prometheus")["status"].get("teams") == 1, 30)
    release = {"kind": "AgentRelease"} | scene.kube.get("AgentRelease", None, "of-prometheus")
    assert argo_health(release, tmp_path) == ("Healthy", "run by 1 of 1 teams")


@pytest.fixture
def state_metrics(platform_cluster, tmp_path):
    """kube-state-metrics with our file and nothing else: what it serves, as text."""
    addresses = [f"--{which}host=127.0.0.1" for which in ("", "telemetry-")]
    port = free_port()
    command = [built("kube-state-metrics", "kube-state-metrics"), f"--kubeconfig={platform_cluster.kubeconfig}", "--custom-resource-state-only",
               f"--custom-resource-state-config-file={STATE_METRICS / 'custom-resource-state.yaml'}", *addresses, f"--port={port}",
               f"--telemetry-port={free_port()}"]
    log = tmp_path / "kube-state-metrics.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def scrape():
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    yield scrape
    process.terminate()
    process.wait(timeout=30)
    wrong = [line for line in log.read_text().splitlines() if line.startswith("E")]
    assert not wrong, wrong[:5]


def test_kube_state_metrics_tells_what_the_resources_say(scene, state_metrics):
    resources = yaml.safe_load((STATE_METRICS / "custom-resource-state.yaml").read_text())["spec"]["resources"]
    names = [f"{resource['metricNamePrefix']}_{metric['name']}" for resource in resources for metric in resource["metrics"]]
    text = eventually(lambda: (text := state_metrics()) and all(samples(text, name) for name in names) and text, 60, "each metric has samples")

    def value(metric, **labels):
        (found,) = [number for its, number in samples(text, metric) if labels.items() <= its.items()]
        return found

    team = "incidentfox_teamprovisioning_"
    observed = {"namespace": NAMESPACE, "name": "observed", "org_id": "acme", "team_node_id": "observed"}
    assert value(f"{team}status_condition", type="Ready", reason="Provisioned", **observed) == 1
    assert value(f"{team}status_condition", type="Ready", reason="ReleaseNotFound", name="stuck") == 0
    assert value(f"{team}status_condition", type="Stalled", reason="ReleaseNotFound", name="stuck") == 1
    assert value(f"{team}status_condition_last_transition", type="Stalled", name="stuck") > 1.7e9
    assert value(f"{team}info", mode="Dedicated", release="of-prometheus", **observed) == 1
    assert value(f"{team}suspend", name="left-alone") == 1 and value(f"{team}suspend", **observed) == 0
    assert value(f"{team}generation", **observed) == value(f"{team}observed_generation", **observed) == 1
    assert value(f"{team}run_phase", phase="Succeeded", **observed) == 1 and value(f"{team}run_phase", phase="Failed", **observed) == 0
    assert value(f"{team}rollout_phase", phase="Complete", **observed) == 1
    assert value("incidentfox_agentrelease_teams", name="of-prometheus") == 1
    assert value("incidentfox_agentrelease_failed_teams", name="of-prometheus") == 0
    manual = (STATE_METRICS / "README.md").read_text()
    unsaid = [name for name in names if not re.search(rf"`(incidentfox_[a-z]+)?_{name.split('_', 2)[2]}`", manual)]
    assert not unsaid
