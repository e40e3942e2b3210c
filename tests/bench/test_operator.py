"""What the operator costs and how fast it is. Nothing here asserts a duration; outcomes are asserted."""

import concurrent.futures
import os
import pathlib
import statistics
import time

import pytest

from support.operator_process import OperatorProcess
from support.teams import Teams, dedicated, scheduled
from support.waiting import Stopwatch, eventually

TITLE = "operator"
WHAT_RAN = "Beside it ran kube-apiserver, etcd, the controllers, kwok and the load; the operator is a release build."
TEAMS = 300
DRIFTS = 50
TICK = os.sysconf("SC_CLK_TCK")

pytestmark = pytest.mark.timeout(1200)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.fixture(scope="module")
def teams(cluster):
    namespace = "bench"
    cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    yield Teams(cluster.kube, namespace)
    cluster.kube.delete("Namespace", None, namespace)


@pytest.fixture(scope="module")
def operator(cluster, state):
    operator = OperatorProcess(cluster, state / "operator-bench", resync_interval="10h").start()
    yield operator
    operator.close()


def names():
    return [f"team-{i:04d}" for i in range(TEAMS)]


def test_create(cluster, teams, operator, report):
    report.add("resident memory, no team", f"{resident_mib(operator.pid):.1f} MiB")
    teams.apply("first", runtime=dedicated(), pipeline=scheduled())  # makes the namespace's ServiceAccounts
    eventually(lambda: teams.ready("first"), 120)
    mark, cpu, watch = cluster.audit.mark(), cpu_seconds(operator.pid), Stopwatch()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: teams.apply(name, runtime=dedicated(), pipeline=scheduled()), names()))
    report.add(f"{TEAMS} dedicated, scheduled teams applied by 8 clients", f"{float(watch):.1f} s")

    def all_ready():
        time.sleep(0.2)  # a look lists every team: not so often that it is the load
        return teams.ready(*names())

    eventually(all_ready, 900)
    report.add("… until all are Ready", f"{float(watch):.1f} s")
    report.add("operator CPU a team", f"{(cpu_seconds(operator.pid) - cpu) / TEAMS * 1000:.1f} ms")
    requests = [r for r in cluster.audit.quiet(mark, seconds=2) if not r.is_watch]
    told = sum(r.resource == "events" for r in requests)
    report.add("writes a team, Events apart", f"{(sum(r.is_write for r in requests) - told) / TEAMS:.2f}")
    report.add("Events a team", f"{told / TEAMS:.2f}")
    report.add("reads a team", f"{sum(r.is_read for r in requests) / TEAMS:.2f}")
    report.add(f"resident memory, {TEAMS} dedicated, scheduled teams", f"{resident_mib(operator.pid):.1f} MiB")
    assert not [r for r in requests if r.is_read]


def test_drift(teams, report):
    took = []
    for name in names()[:DRIFTS]:
        service = f"agent-dedicated-acme-{name}"
        uid = teams.kube.get("Service", teams.namespace, service)["metadata"]["uid"]
        teams.kube.delete("Service", teams.namespace, service)
        watch = Stopwatch()

        def back(service=service, uid=uid):
            found = teams.kube.get("Service", teams.namespace, service)
            return found and found["metadata"]["uid"] != uid

        eventually(back, 60)
        took.append(float(watch) * 1000)
    took.sort()
    report.add(f"a deleted Service is back, {DRIFTS} times: median, slowest", f"{statistics.median(took):.0f} ms, {took[-1]:.0f} ms")


def test_restart(cluster, operator, report):
    operator.stop()
    mark = cluster.audit.mark()
    watch = Stopwatch()
    operator.start()
    report.add(f"restart to ready with {TEAMS} teams, the tool that reads the chart included", f"{float(watch):.2f} s")
    eventually(lambda: operator.metric("controller_runtime_reconcile_total") >= TEAMS, 60)
    requests = [r for r in cluster.audit.quiet(mark, seconds=2) if not r.is_watch]
    report.add("requests after a restart besides watches", str(len(requests)))
    assert not requests
