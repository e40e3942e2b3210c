"""Bad input: one clear line each, and an exit status that a script can tell apart (2: called wrongly, 1: it failed)."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
import yaml

from support.cluster import ROOT
from support.operator_process import program, run_operator
from support.waiting import eventually, throughout

LOOPBACK = ("--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0")


def only_line(text):
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize("args, says", [
    (["run", "--no-such-flag"], "--no-such-flag"),
    (["run", "--workers=many"], "workers"),
    (["run", "--workers=0"], "workers"),
    (["run", "--resync-interval=10"], "resync-interval"),
    (["run", "--log-level=loud"], "log-level"),
    (["run", "--metrics-bind-address=nowhere"], "metrics-bind-address"),
    (["run", "--gateway-peer={not json"], "gateway-peer"),
    (["run", "surplus"], "surplus"),
    (["frobnicate"], "frobnicate"),
    (["plan"], "-f"),
], ids=lambda value: "-".join(value) if isinstance(value, list) else "")
def test_a_wrong_call_is_one_line_and_status_2(args, says):
    done = run_operator(*args)
    assert done.returncode == 2, f"{done.returncode}: {done.stderr}"
    assert done.stdout == ""
    assert says in only_line(done.stderr)


@pytest.mark.parametrize("args, says", [
    ([], ("run", "plan", "version")), (["--help"], ("run", "plan", "version")),
    (["run", "--help"], ("--watch-namespaces", "--resync-interval")), (["plan", "--help"], ("--filename", "--agent-secrets")),
], ids=["alone", "help", "run", "plan"])
def test_help_is_no_failure(args, says):
    done = run_operator(*args)
    assert done.returncode == 0 and done.stderr == ""
    for word in says:
        assert word in done.stdout


def test_a_missing_kubeconfig(tmp_path):
    missing = tmp_path / "kubeconfig"
    done = run_operator("run", f"--kubeconfig={missing}", *LOOPBACK)
    assert done.returncode in (1, 2)
    assert str(missing) in only_line(done.stderr)


@pytest.mark.parametrize("text, says", [
    ("", "kubeconfig"),
    ("clusters: [", "line"),
    ("{apiVersion: v1, kind: Config, current-context: nowhere}", "nowhere"),
], ids=["empty", "no-yaml", "no-context"])
def test_a_kubeconfig_that_makes_no_sense(tmp_path, text, says):
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    done = run_operator("run", f"--kubeconfig={file}", *LOOPBACK)
    assert done.returncode in (1, 2)
    line = only_line(done.stderr)
    assert str(file) in line and says in line


def test_credentials_of_a_program_are_refused_by_name(tmp_path):
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}}}],
    }))
    done = run_operator("run", f"--kubeconfig={file}", *LOOPBACK)
    assert done.returncode in (1, 2)
    assert "exec" in only_line(done.stderr)


@pytest.mark.parametrize("text, says", [
    ("kind: [", "line"),
    ("kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n", "ConfigMap"),
    ("", "team.yaml"),
], ids=["no-yaml", "other-kind", "empty"])
def test_plan_of_a_file_that_is_no_team(tmp_path, text, says):
    file = tmp_path / "team.yaml"
    file.write_text(text)
    done = run_operator("plan", "-f", str(file))
    assert done.returncode == 1
    assert says in done.stderr


def test_plan_of_a_missing_file(tmp_path):
    done = run_operator("plan", "-f", str(tmp_path / "missing.yaml"))
    assert done.returncode == 1
    assert "missing.yaml" in only_line(done.stderr)


def test_plan_knows_the_releases_of_its_file(tmp_path):
    head = {"apiVersion": "incidentfox.io/v1alpha1"}
    release = head | {"kind": "AgentRelease", "metadata": {"name": "v2"}, "spec": {"agentImage": "registry.example.com/agent:2"}}
    team = head | {"kind": "TeamProvisioning", "metadata": {"name": "team"},
                   "spec": {"orgId": "acme", "teamNodeId": "team", "release": "v2", "runtime": {"mode": "Dedicated"}}}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump_all([team, release]))
    done = run_operator("plan", "-f", str(tmp_path / "both.yaml"))
    assert done.returncode == 0 and "ReleaseNotFound" not in done.stdout, done.stdout + done.stderr
    assert 'image: "registry.example.com/agent:2"' in done.stdout


def test_plan_shows_what_would_be_done_without_a_cluster():
    done = run_operator("plan", "-f", str(ROOT / "examples" / "full.yaml"))
    assert done.returncode == 0, done.stderr
    for name in ("ai-pipeline-extend-platform-sre", "dep-discovery-extend-platform-sre", "agent-dedicated-extend-platform-sre"):
        assert name in done.stdout
    for kind in ("CronJob", "Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"):
        assert kind in done.stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_an_unreachable_server_is_waited_for(cluster, tmp_path):
    """`run` says so, is alive but not ready, and does not end until it is asked to."""
    server, health = f"https://127.0.0.1:{free_port()}", free_port()
    live = yaml.safe_load(pathlib.Path(cluster.kubeconfig).read_text())["clusters"][0]["cluster"]
    authority = {key: live[key] for key in live if key.startswith("certificate-authority")}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server} | authority}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "not-a-secret"}}],
    }))

    def probe(path):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{health}{path}", timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [program(), "run", f"--kubeconfig={kubeconfig}", "--metrics-bind-address=127.0.0.1:0",
             f"--health-probe-bind-address=127.0.0.1:{health}", "--log-format=json"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"]})
    try:
        eventually(lambda: probe("/healthz") == 200, what="/healthz answers")
        eventually(lambda: server.removeprefix("https://") in log.read_text(), what="the log names the server")

        def waiting():
            assert process.poll() is None, log.read_text()
            assert probe("/healthz") == 200
            assert probe("/readyz") == 503

        throughout(2, waiting)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
    complaints = [json.loads(line) for line in log.read_text().splitlines()]
    complaints = [c for c in complaints if str(c["level"]).lower() in ("warn", "warning", "error")]
    assert complaints, "no complaint at all"
    assert len(complaints) < 60, "the log is flooded"
    assert "not-a-secret" not in log.read_text()
