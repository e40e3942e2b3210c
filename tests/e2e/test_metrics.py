"""/metrics is what docs/metrics.md says, neither more nor less; dashboards made for controller-runtime work; nothing grows with teams
but what is said to. And the debugging endpoints beside it."""

import json
import re
import subprocess
import urllib.request

import pytest

from support import platform, webhooks
from support.cluster import ROOT
from support.gateway import free_port
from support.metrics import documented, samples, served
from support.operator_process import run_operator
from support.provisioning import PLANTED, operator_process
from support.stubs import request
from support.teams import Teams, dedicated, scheduled
from support.waiting import eventually

QUEUE = {"name", "controller"}
RECONCILE_BUCKETS = (".005 .01 .025 .05 .1 .15 .2 .25 .3 .35 .4 .45 .5 .6 .7 .8 .9 1 1.25 1.5 1.75 2 2.5 3 3.5 4 4.5 5 6 7 8 9 10 15 20 25 "
                     "30 40 50 60")
QUEUE_BUCKETS = "1e-08 1e-07 1e-06 1e-05 .0001 .001 .01 .1 1 10 100 1000"
REQUEST_BUCKETS = ".005 .025 .1 .25 .5 1 2 4 8 15 30 60"
# controller-runtime's and client-go's own: name -> (type, labels, buckets).
VERBATIM = {
    "controller_runtime_reconcile_total": ("counter", {"controller", "result"}, ""),
    "controller_runtime_reconcile_errors_total": ("counter", {"controller"}, ""),
    "controller_runtime_terminal_reconcile_errors_total": ("counter", {"controller"}, ""),
    "controller_runtime_reconcile_panics_total": ("counter", {"controller"}, ""),
    "controller_runtime_reconcile_timeouts_total": ("counter", {"controller"}, ""),
    "controller_runtime_reconcile_time_seconds": ("histogram", {"controller"}, RECONCILE_BUCKETS),
    "controller_runtime_max_concurrent_reconciles": ("gauge", {"controller"}, ""),
    "controller_runtime_active_workers": ("gauge", {"controller"}, ""),
    "workqueue_depth": ("gauge", QUEUE | {"priority"}, ""),
    "workqueue_adds_total": ("counter", QUEUE, ""),
    "workqueue_retries_total": ("counter", QUEUE, ""),
    "workqueue_queue_duration_seconds": ("histogram", QUEUE, QUEUE_BUCKETS),
    "workqueue_work_duration_seconds": ("histogram", QUEUE, QUEUE_BUCKETS),
    "workqueue_unfinished_work_seconds": ("gauge", QUEUE, ""),
    "workqueue_longest_running_processor_seconds": ("gauge", QUEUE, ""),
    "rest_client_requests_total": ("counter", {"code", "method", "host"}, ""),
    "rest_client_request_duration_seconds": ("histogram", {"verb", "host"}, REQUEST_BUCKETS),
    "rest_client_request_retries_total": ("counter", {"code", "verb", "host"}, ""),
}
PER_TEAM = ("teamprovisioning_ready", "teamprovisioning_stalled", "teamprovisioning_suspended", "teamprovisioning_drift_seconds")


@pytest.fixture(scope="module")
def operator(platform_cluster, services, state):
    """With everything that has metrics: the services too."""
    debug = f"127.0.0.1:{free_port()}"
    operator = operator_process(platform_cluster, state / "operator-metrics", services, debug_bind_address=debug)
    operator.debug = f"http://{debug}/debug/"
    operator.start()
    yield operator
    operator.close()


@pytest.fixture
def teams(platform_cluster, request):
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50].rstrip("-")
    platform_cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    teams = Teams(platform_cluster.kube, name)
    yield teams
    teams.delete_all()
    eventually(lambda: not teams.all(), 60)


def scrape(operator):
    with urllib.request.urlopen(f"http://{operator.address('metrics')}/metrics", timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def assert_lints(text):
    promtool = subprocess.run([ROOT / "tools" / "deps", "--promtool"], check=True, capture_output=True, text=True).stdout.strip()
    judged = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


def test_every_metric_of_the_operator_is_documented_and_the_other_way_round(operator, teams):
    teams.apply("described")
    eventually(lambda: teams.ready("described"), 60)
    text = scrape(operator)
    # Those of the election, in which this operator takes no part, are looked for in test_leader.py.
    assert served(text) == {k: v for k, v in documented("team-operator").items() if not k.startswith("leader_election_")}
    assert_lints(text)


def test_every_metric_of_the_gateway_is_documented_and_the_other_way_round(database, gateways):
    gateway = gateways(database)
    # Those of a secret come with its first use, those of the inbox with the worker's first look at it.
    assert webhooks.send(gateway.url, webhooks.slack(platform.channel(0))).accepted

    def everything():
        found = served(gateway.fetch("metrics", "/metrics")[1])
        assert not set(found) - set(documented("webhook-gateway"))
        return set(found) == set(documented("webhook-gateway"))

    eventually(everything, what="all metrics of docs/metrics.md are served")
    text = gateway.fetch("metrics", "/metrics")[1]
    assert served(text) == documented("webhook-gateway")
    assert_lints(text)


def test_controller_runtimes_names_labels_and_buckets_are_there_word_for_word(operator):
    text = scrape(operator)
    found = served(text)
    for name, (kind, labels, buckets) in VERBATIM.items():
        assert found[name] == (kind, labels), name
        bounds = {float(le) for le in re.findall(rf'^{name}_bucket\{{.*le="([^"]+)"\}}', text, re.M)}
        assert bounds - {float("inf")} == {float(b) for b in buckets.split()}, name
    of_teams = {labels["result"] for labels, _ in samples(text, "controller_runtime_reconcile_total") if labels["controller"] == "teamprovisioning"}
    assert of_teams == {"success", "error", "requeue", "requeue_after"}


def test_the_queries_of_a_dashboard_have_data(operator, teams):
    before = {name: value(scrape(operator), name) for name in GROWS}
    teams.apply("watched", pipeline=scheduled())
    eventually(lambda: teams.ready("watched"), 60)

    def all_grew():
        text = scrape(operator)
        return all(value(text, name) > old for name, old in before.items())

    eventually(all_grew, what="every counter has grown with a reconcile")
    text = scrape(operator)
    assert value(text, "controller_runtime_max_concurrent_reconciles", controller="teamprovisioning") == 8
    assert value(text, "rest_client_requests_total", code="201", method="PATCH") > 0
    assert value(text, "rest_client_requests_total", code="200", method="GET") > 0
    assert value(text, "teamprovisioning_service_requests_total", outcome="ok", service="config_service") > 0
    assert value(text, "teamprovisioning_service_breaker_open") == 0
    assert value(text, "teamprovisioning_service_places") == 4


GROWS = ("controller_runtime_reconcile_total", "controller_runtime_reconcile_time_seconds_count", "workqueue_adds_total",
         "workqueue_queue_duration_seconds_count", "workqueue_work_duration_seconds_count", "rest_client_requests_total",
         "rest_client_request_duration_seconds_count", "teamprovisioning_time_to_ready_seconds_count",
         "teamprovisioning_service_requests_total", "teamprovisioning_service_request_duration_seconds_count")


def value(text, sample, **labels):
    """Sum of the samples of this name that carry these labels."""
    return sum(v for found, v in samples(text, sample) if labels.items() <= found.items())


def shared_series(text):
    """Every series that is of no one team."""
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#") and "team_node_id=" not in line}


def test_nothing_grows_with_teams_but_the_series_of_each(operator, teams):
    teams.apply("only", runtime=dedicated(), pipeline=scheduled())
    eventually(lambda: teams.ready("only"), 60)
    one = scrape(operator)
    for i in range(29):
        teams.apply(f"team-{i}", runtime=dedicated(), pipeline=scheduled())
    eventually(lambda: teams.ready(), 120)
    # Its last status may come a moment before the pass that wrote it notes that it is done.
    eventually(lambda: value(scrape(operator), "teamprovisioning_teams", state="ready") == 30)
    thirty = scrape(operator)
    assert shared_series(thirty) == shared_series(one)
    for name in PER_TEAM:
        of_ours = [labels for labels, _ in samples(thirty, name) if labels["namespace"] == teams.namespace]
        assert len(of_ours) == 30 and all(set(labels) == {"namespace", "name", "org_id", "team_node_id"} for labels in of_ours), name
    assert value(thirty, "teamprovisioning_ready", namespace=teams.namespace) == 30

    deleted = value(thirty, "teamprovisioning_deletion_seconds_count")
    teams.delete_all()
    eventually(lambda: not teams.all(), 60)
    eventually(lambda: not any(line.startswith(PER_TEAM) for line in scrape(operator).splitlines()))
    eventually(lambda: value(scrape(operator), "teamprovisioning_deletion_seconds_count") == deleted + 30)


def test_the_state_of_a_team_is_told(operator, teams):
    teams.apply("left-alone", suspend=True)
    eventually(lambda: value(scrape(operator), "teamprovisioning_suspended", name="left-alone") == 1)
    text = scrape(operator)
    assert value(text, "teamprovisioning_teams", state="suspended") == 1
    assert value(text, "teamprovisioning_ready", name="left-alone") == 0


def test_the_series_of_teams_can_be_left_out(operator, teams):
    teams.apply("unseen")
    eventually(lambda: teams.ready("unseen"), 60)
    operator.restart(team_metrics="false")
    text = scrape(operator)
    assert not any(line.startswith(PER_TEAM) for line in text.splitlines())
    assert value(text, "teamprovisioning_teams") == 1
    operator.restart()
    assert value(scrape(operator), "teamprovisioning_ready", name="unseen") == 1


def test_people_can_look_inside(operator, teams):
    teams.apply("seen", pipeline=scheduled())
    eventually(lambda: teams.ready("seen"), 60)

    def at_rest():
        state = request(operator.debug + "state")[1]
        assert state["running"] == [] and state["queue"]["delayed"] == 1, state  # the team, for its next resync
        return state

    state = eventually(at_rest)
    nothing = {"due": 0, "longest_waiting": []}
    assert state["queue"] == {"changes": nothing, "resyncs": nothing, "delayed": 1}
    watches = {w["name"].split()[0]: w for w in state["watches"]}
    assert {"teamprovisionings", "deployments", "cronjobs", "secrets"} <= set(watches)
    assert watches["teamprovisionings"] | {"seconds_since_progress": 0} == {
        "name": "teamprovisionings", "state": "watching", "synced": True, "objects": 1, "seconds_since_progress": 0}
    assert state["services"] == {"config_service": {"breaker_open": False}, "places": 4, "places_taken": 0, "waiting_teams": 0}
    assert not any(secret in json.dumps(state) for secret in PLANTED)
    assert operator.probe("/livez") == 200
    for listener in ("metrics", "health-probe"):
        assert operator.fetch(listener, "/debug/state")[0] == 404, "it is for those on loopback alone"


def put_level(operator, level):
    asked = urllib.request.Request(operator.debug + "loglevel", data=level.encode(), method="PUT")
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()


def test_the_log_level_changes_at_run_time(operator):
    with urllib.request.urlopen(operator.debug + "loglevel", timeout=60) as answer:
        assert answer.read() == b"info\n"
    assert put_level(operator, "loud") == (400, "the body must be debug, info, warn or error")
    assert put_level(operator, "debug") == (200, "debug")
    assert put_level(operator, "info") == (200, "info")


@pytest.mark.parametrize("address", (":6060", "0.0.0.0:6060", "192.0.2.1:6060", "[::]:6060"))
def test_the_debugging_endpoints_are_for_loopback_only(address):
    done = run_operator("run", f"--debug-bind-address={address}")
    assert done.returncode == 2 and "--debug-bind-address" in done.stderr and "loopback" in done.stderr, done.stderr
