"""`kubectl team`, found by the real kubectl, on a real control plane with an operator and a gateway."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest

from support import webhooks
from support.cluster import ROOT, SYSTEM
from support.gateway import UNLIMITED, GatewayProcess
from support.platform import wait_until_settled
from support.provisioning import ORG, ServiceSide, held_token, operator_process
from support.stubs import ADMIN_TOKEN
from support.teams import Teams, dedicated, later, scheduled
from support.waiting import eventually

NAMESPACE = "plugin"
CHANNEL = "C0PLUGIN"
# A kubectl whose words that need a kubelet are played here; all others are the real one's.
SHIM = """#!{python}
import os, sys, time
words = sys.argv[1:]
if "exec" in words:
    os.execv({operator!r}, ["team-operator", *words[words.index("team-operator") + 1:]])
if "port-forward" in words:
    print("Forwarding from 127.0.0.1:{port} -> 8071", flush=True)
    time.sleep(600)
os.execv({kubectl!r}, ["kubectl", *words])
"""


@pytest.fixture(scope="module")
def operator(platform_cluster, services, state):
    operator = operator_process(platform_cluster, state / "operator-plugin", services, drift_interval="1h").start()
    yield operator
    operator.close()


@pytest.fixture(scope="module")
def teams(platform_cluster, operator):  # noqa: ARG001
    kube = platform_cluster.kube
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    teams = Teams(kube, NAMESPACE)
    teams.apply("mine", node="plugin-team", pipeline=scheduled(), runtime=dedicated(replicas=2), routing={"slackChannelIds": [CHANNEL]})
    # Another resource for the same team: it waits, and says so.
    (mine,) = eventually(lambda: teams.ready("mine"))
    later(mine)
    teams.apply("another", node="plugin-team")
    yield teams
    teams.delete_all()
    eventually(lambda: not teams.all(), 60)


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A directory for the PATH, as a user has one: kubectl, and the plugin beside it."""
    path = tmp_path_factory.mktemp("bin")
    (path / "kubectl").symlink_to(os.environ["TP_KUBECTL"])
    (path / "kubectl-team").symlink_to(ROOT / "plugin" / "kubectl-team")
    (path / "python3").symlink_to(sys.executable)
    return path


@pytest.fixture
def team(platform_cluster, tools):
    """team("status", "mine"): what it printed, and its exit status."""

    def run(*words, stdin=None, path=(), **env):
        where = os.pathsep.join([str(tools), *map(str, path), "/usr/bin", "/bin"])
        return subprocess.run(["kubectl", "team", *words, "--namespace", NAMESPACE], input=stdin, capture_output=True, text=True, check=False,
                              timeout=120, env={"PATH": where, "HOME": str(tools), "KUBECONFIG": platform_cluster.kubeconfig} | env,
                              executable=shutil.which("kubectl", path=where))

    return run


def done(finished, code=0):
    assert finished.returncode == code, finished.stdout + finished.stderr
    return finished.stdout if code == 0 else finished.stderr


def test_how_a_team_is(team, teams, platform_cluster):
    text = done(team("status", "mine"))
    assert "Team:" in text and f"{ORG}/plugin-team" in text and "True, Provisioned" in text
    assert "http://agent-dedicated-acme-plugin-team.plugin.svc.cluster.local:8080" in text
    for kind in ("Ready", "ConfigSynced", "TokenReady", "AgentAvailable", "PipelineBootstrapped"):
        assert any(line.startswith(kind) and " True " in line for line in text.splitlines()), text
    assert "\033" not in text and "STEP" in text
    token, secret = held_token(teams, "mine")
    assert f"{token}, issued " in text and secret not in text
    said = json.loads(done(team("status", "mine", "-o", "json")))
    assert said["ready"] is True and said["tokenId"] == token and said["lastRun"]["phase"] == "Succeeded"

    eventually(lambda: team("status", "another").returncode == 1 and "DuplicateTeam" in team("status", "another").stdout)
    assert "DuplicateTeam" in done(team("reconcile", "another", "--wait"), 1)
    assert "not found" in done(team("status", "nobody"), 2)
    assert "True, Provisioned" in done(team("--request-timeout", "30s", "status", "mine"))
    assert "plugin-nowhere" in done(team("status", "mine", "--context", "plugin-nowhere"), 2)
    assert "nobody" in done(team("status", "mine", "--kubeconfig", "/nobody/config"), 2)
    # What it has, down to its pods.
    text = done(team("tree", "mine"))
    lines = text.splitlines()
    assert lines[0].startswith("TeamProvisioning mine ") and lines[0].endswith("Ready True, Provisioned")
    assert any(line.startswith("├─ CronJob ai-pipeline-acme-plugin-team ") and "0 2 * * * (Etc/UTC)" in line for line in lines), text
    assert any(line.startswith("├─ Deployment agent-dedicated-acme-plugin-team ") and line.endswith("2/2 ready") for line in lines), text
    assert sum("─ Pod agent-dedicated-" in line and line.endswith("Running") for line in lines) == 2, text
    assert lines[-1].startswith("└─ Secret team-token-acme-plugin-team ") and token in lines[-1]
    parts = json.loads(done(team("tree", "mine", "-o", "json")))["children"]
    assert {part["object"].split()[0] for part in parts} == {"CronJob", "Deployment", "PodDisruptionBudget", "Secret", "Service"}

    def heard():
        text = done(team("events", "mine"))
        return "TeamProvisioning mine" in text and "ScalingReplicaSet" in text and "Scheduled" in text

    eventually(heard, what="events of the team, its Deployment and its pods")


def test_a_team_is_asked_for_something(team, teams, services):
    assert "reconciliation requested" in done(team("reconcile", "mine"))
    before = held_token(teams, "mine")[0]
    assert "mine is ready" in done(team("reconcile", "mine", "--wait", "--rotate-token", "--bootstrap", "--timeout=90s"))
    its = ServiceSide(services, "plugin-team")
    assert held_token(teams, "mine")[0] != before and len(its.bootstraps()) == 2

    done(team("suspend", "mine"))
    assert teams.get("mine")["spec"]["suspend"] is True
    assert "kubectl team resume mine" in done(team("reconcile", "mine", "--wait"), 1)
    assert "left alone because of spec.suspend" in team("status", "mine").stdout
    assert "mine is ready" in done(team("resume", "mine", "--wait"))
    assert "suspend" not in teams.get("mine")["spec"]


def test_releases(team, teams, platform_cluster):
    kube = platform_cluster.kube
    for name in ("plugin-1", "plugin-2"):
        kube.apply({"apiVersion": "incidentfox.io/v1alpha1", "kind": "AgentRelease", "metadata": {"name": name},
                    "spec": {"agentImage": f"incidentfox/agent:{name}"}})
    try:
        done(team("release", "mine", "plugin-1", "--wait"))
        done(team("release", "mine", "plugin-2", "--wait"))

        def counted():  # a moment after the team has moved
            text = done(team("releases", "--teams"))
            assert any(line.split()[:2] == ["plugin-2", "1"] and "agent:plugin-2" in line for line in text.splitlines()), text
            assert any(line.split()[:5] == [NAMESPACE, "mine", "acme/plugin-team", "plugin-2", "plugin-1"] for line in text.splitlines()), text
            return True

        eventually(counted)
        done(team("release", "mine", "--previous", "--wait"))
        assert teams.get("mine")["spec"]["release"] == "plugin-1"
        assert "not found" in done(team("release", "mine", "plugin-3"), 2)
    finally:
        done(team("release", "mine", "--default", "--wait"))
        for name in ("plugin-1", "plugin-2"):
            kube.delete("AgentRelease", None, name)


def test_what_the_operator_would_make(team, teams, tools, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "team-operator").symlink_to(os.path.join(os.environ["TP_BIN"], "team-operator"))
    text = done(team("plan", "mine", path=[programs]))
    assert "# apply Deployment plugin/agent-dedicated-acme-plugin-team (create)" in text
    manifest = json.dumps(teams.make("planned", runtime=dedicated()))
    assert "name: agent-dedicated-acme-planned" in done(team("plan", "-f", "-", path=[programs], stdin=manifest))
    wrong = json.dumps(teams.make("planned", runtime={"mode": "Both"}))
    assert "spec.runtime.mode" in done(team("plan", "-f", "-", path=[programs], stdin=wrong), 1)
    # Without the program, in the operator's pod, and with its flags.
    shim = write_shim(tmp_path)
    assert "# apply Deployment" in done(team("plan", "mine", KUBECTL=shim))


def write_shim(directory, port=0):
    shim = directory / "kubectl-of-the-test"
    shim.write_text(SHIM.format(python=sys.executable, operator=os.path.join(os.environ["TP_BIN"], "team-operator"), port=port,
                                kubectl=os.environ["TP_KUBECTL"]))
    shim.chmod(0o755)
    return str(shim)


def test_webhooks_are_looked_at_and_replayed(team, teams, platform_cluster, platform_pods, services, database, state, tmp_path):
    (tmp_path / "token").write_text(ADMIN_TOKEN + "\n")
    with GatewayProcess(state / "gateway-plugin", database, services, pods=platform_pods, **UNLIMITED) as gateway:
        where = (f"--gateway-url={gateway.admin_url}", f"--token-file={tmp_path / 'token'}")
        assert all(a.accepted for a in webhooks.send_all(gateway.url, [webhooks.slack(CHANNEL)]))
        wait_until_settled(database)
        (event,) = json.loads(done(team("webhooks", "mine", "-o", "json", *where)))
        shown = done(team("webhooks", "mine", *where))
        assert shown.splitlines()[0].split() == ["EVENT", "SOURCE", "KIND", "STATE", "RUNS", "RECEIVED"]
        assert event["id"] in shown and "done (finished)" in shown
        assert "No webhook events" in done(team("webhooks", "mine", "--state=dead", *where))
        one = done(team("webhook", event["id"], *where))
        assert "acme/plugin-team" in one and "finished" in one and "OUTCOME" in one

        assert "force" in done(team("replay", event["id"], *where), 1)
        # The way there is also found in the cluster.
        platform_cluster.kube.apply({
            "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": SYSTEM, "name": "webhook-gateway-admin", "labels": {
                "app.kubernetes.io/name": "webhook-gateway", "app.kubernetes.io/component": "admin"}},
            "spec": {"ports": [{"name": "admin", "port": 8071}]}})
        try:
            shim = write_shim(tmp_path, gateway.ports["admin"])
            assert f"{event['id']} begins again" in done(
                team("replay", event["id"], "--force", KUBECTL=shim, INCIDENTFOX_TOKEN=ADMIN_TOKEN))
        finally:
            platform_cluster.kube.delete("Service", SYSTEM, "webhook-gateway-admin")
        wait_until_settled(database)
        assert "finished" in done(team("webhook", event["id"], *where))

        refused = team("webhooks", "mine", where[0], INCIDENTFOX_TOKEN="not.known")
        assert "401" in done(refused, 2) and "not.known" not in refused.stderr
        assert "INCIDENTFOX_TOKEN" in done(team("webhooks", "mine", where[0]), 2)
        assert "404" in done(team("replay", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", *where), 1)
    assert "does not answer" in done(team("webhooks", "mine", *where), 2)


def test_it_needs_nothing_but_python():
    """No package, and nothing newer than Python 3.9; and it says what it can do, without a cluster."""
    file = ROOT / "plugin" / "kubectl-team"
    ast.parse(file.read_text(), feature_version=(3, 9))
    text = subprocess.run([sys.executable, "-I", "-S", str(file), "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("status", "tree", "plan", "reconcile", "suspend", "resume", "releases", "release", "events", "webhooks", "webhook", "replay"):
        assert f"\n    {word}" in text, word
