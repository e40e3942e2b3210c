"""What the operator costs and how fast it is. Nothing here asserts a duration; outcomes are asserted."""

import json
import os
import pathlib
import statistics
import subprocess
import threading
import time

import pytest
import yaml

from support.kube import TEAM, TEAM_API
from support.operator_process import OperatorProcess, run_operator
from support.provisioning import SEED, install, operator_process
from support.replicas import Replicas
from support.stubs import StubServices
from support.teams import Teams, dedicated, scheduled
from support.waiting import Stopwatch, eventually

TITLE = "operator"
WHAT_RAN = "Beside it ran kube-apiserver, etcd, the controllers, kwok and the load; the operator is a release build. With 10,000 teams its metrics of each team are off."
DEDICATED = 1000
SHARED = 10_000
DRIFTS = 50
EDITS = 200
LOOK_EVERY = 2  # seconds
FOREIGN = 10_000
TICK = os.sysconf("SC_CLK_TCK")
KINDS = {"TeamProvisioning": ("incidentfox.io", "v1alpha1", "teamprovisionings"), "Deployment": ("apps", "v1", "deployments"),
         "Service": ("", "v1", "services"), "CronJob": ("batch", "v1", "cronjobs"), "Secret": ("", "v1", "secrets")}

pytestmark = pytest.mark.timeout(3000)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


# ---------------------------------------------------------------- load


def apply_request(obj, subresource=""):
    group, version, plural = KINDS[obj["kind"]]
    meta = obj["metadata"]
    return {"group": group, "version": version, "plural": plural, "kind": obj["kind"], "namespace": meta.get("namespace", ""),
            "name": meta["name"], "subresource": subresource, "body": obj}


def load(cluster, lines, threads=8):
    """Applies each line's objects in order, the lines in parallel."""
    program = pathlib.Path(os.environ["TP_BIN"]).parent / "tests" / "bin" / "kube_load"
    done = subprocess.run([program, cluster.kubeconfig, str(threads)], input="".join(json.dumps(line) + "\n" for line in lines),
                          capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def team(namespace, name, **spec):
    return {"apiVersion": TEAM_API, "kind": TEAM, "metadata": {"namespace": namespace, "name": name},
            "spec": {"orgId": "acme", "teamNodeId": name} | spec}


def namespace(cluster, name):
    cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def remove_namespace(cluster, name):
    cluster.kube.delete("Namespace", None, name)
    eventually(lambda: cluster.kube.get("Namespace", None, name) is None or time.sleep(1), 1200)


def wait_until_ready(teams, count):
    """A look lists every team: not so often that it is the load."""
    def look():
        time.sleep(LOOK_EVERY)
        listed = teams.all()
        assert len(listed) >= count and teams.ready()
        return True

    eventually(look, 1800)


# ---------------------------------------------------------------- 1,000 dedicated teams


def raw_lines(tmp_path, status):
    """What the operator writes for such a team, as plain requests: children without owners, and two statuses."""
    file = tmp_path / "team.yaml"
    file.write_text(yaml.safe_dump(team("raw", "team-template", runtime=dedicated(), pipeline=scheduled())))
    done = run_operator("plan", "-f", str(file))
    assert done.returncode == 0, done.stderr
    children = [doc for doc in yaml.safe_load_all(done.stdout) if doc and doc["kind"] in KINDS]
    for child in children:
        child["metadata"].pop("ownerReferences", None)
    resource = {"apiVersion": TEAM_API, "kind": TEAM, "metadata": {"namespace": "raw", "name": "team-template"}}
    first = resource | {"status": status | {"conditions": status["conditions"][:1]}}
    line = json.dumps([apply_request(team("raw", "team-template", runtime=dedicated(), pipeline=scheduled())),
                       *(apply_request(child) for child in children), apply_request(first, "status"),
                       apply_request(resource | {"status": status}, "status")])
    return [json.loads(line.replace("team-template", f"team-{i:04d}")) for i in range(DEDICATED)]


def available(cluster, ns):
    def look():
        time.sleep(LOOK_EVERY)
        deployments = cluster.kube.list("Deployment", ns)
        return len(deployments) >= DEDICATED and all(d.get("status", {}).get("availableReplicas") for d in deployments)

    eventually(look, 1800)


def test_a_thousand_dedicated_teams(cluster, state, report, tmp_path):
    teams = Teams(cluster.kube, namespace(cluster, "bench"))
    operator = OperatorProcess(cluster, state / "operator-dedicated", resync_interval="10h").start()
    report.add("resident memory, no team", f"{resident_mib(operator.pid):.1f} MiB")
    teams.apply("first", runtime=dedicated(), pipeline=scheduled())  # makes the namespace's ServiceAccounts
    eventually(lambda: teams.ready("first"), 120)
    status = teams.get("first")["status"]

    mark, cpu, watch = cluster.audit.mark(), cpu_seconds(operator.pid), Stopwatch()
    load(cluster, [[apply_request(team("bench", f"team-{i:04d}", runtime=dedicated(), pipeline=scheduled()))] for i in range(DEDICATED)])
    applied = float(watch)
    wait_until_ready(teams, DEDICATED)
    took = float(watch)
    report.add(f"{DEDICATED:,} dedicated, scheduled teams: applied by 8 clients, all Ready", f"{applied:.1f} s, {took:.1f} s")
    report.add("… operator CPU in all", f"{cpu_seconds(operator.pid) - cpu:.2f} s")
    requests = [r for r in cluster.audit.quiet(mark, seconds=2, timeout=120) if not r.is_watch]
    told = sum(r.resource == "events" for r in requests)
    report.add("… writes a team, Events apart", f"{(sum(r.is_write for r in requests) - told) / DEDICATED:.2f}")
    report.add("… Events, reads a team", f"{told / DEDICATED:.2f}, {sum(r.is_read for r in requests) / DEDICATED:.2f}")
    report.add("… resident memory", f"{resident_mib(operator.pid):.1f} MiB")
    drift(teams, report)
    operator.close()
    remove_namespace(cluster, "bench")

    namespace(cluster, "raw")
    for account in ("incidentfox-agent", "ai-pipeline"):
        cluster.kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "raw", "name": account}})
    lines = raw_lines(tmp_path, status)
    watch = Stopwatch()
    loaded = load(cluster, lines)
    available(cluster, "raw")
    raw = float(watch)
    report.add("the same writes by a raw loader with 8 connections: sent, all Deployments available", f"{loaded['seconds']:.1f} s, {raw:.1f} s")
    report.add("the operator's time as a part of the raw loader's", f"{took / raw:.2f}")
    remove_namespace(cluster, "raw")


def drift(teams, report):
    took = []
    for name in (f"team-{i:04d}" for i in range(DRIFTS)):
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
    report.add(f"… a deleted Service is back, {DRIFTS} times: median, slowest", f"{statistics.median(took):.0f} ms, {took[-1]:.0f} ms")


# ---------------------------------------------------------------- 10,000 shared teams


@pytest.fixture(scope="module")
def shared(cluster):
    teams = Teams(cluster.kube, namespace(cluster, "shared"))
    load(cluster, [[apply_request(team("shared", f"t{i:05d}", pipeline=scheduled()))] for i in range(SHARED)])
    yield teams


@pytest.fixture(scope="module")
def operator(cluster, state, shared):
    operator = OperatorProcess(cluster, state / "operator-shared", resync_interval="10h", team_metrics="false")
    yield operator
    operator.close()


def passes(operator):
    return operator.metric("controller_runtime_reconcile_total", controller="teamprovisioning")


def test_ten_thousand_shared_teams(operator, shared, report):
    watch = Stopwatch()
    operator.start()
    wait_until_ready(shared, SHARED)
    report.add(f"{SHARED:,} shared, scheduled teams that are there at the start: all Ready", f"{float(watch):.1f} s")
    report.add("… operator CPU in all", f"{cpu_seconds(operator.pid):.2f} s")
    report.add("… resident memory", f"{resident_mib(operator.pid):.1f} MiB")


def test_restart(cluster, operator, shared, report):
    operator.stop()
    mark = cluster.audit.mark()
    watch = Stopwatch()
    operator.start(wait=False)
    begun = float(watch)  # the tool that reads the chart
    operator.wait_until_ready()
    ready = float(watch) - begun
    eventually(lambda: passes(operator) >= SHARED, 120)
    report.add(f"restart with {SHARED:,} teams: until synced, until every team was looked at", f"{ready:.2f} s, {float(watch) - begun:.2f} s")
    report.add("… operator CPU, resident memory", f"{cpu_seconds(operator.pid):.2f} s, {resident_mib(operator.pid):.1f} MiB")
    requests = [r for r in cluster.audit.quiet(mark, seconds=2) if not r.is_watch]
    report.add("… requests besides watches", str(len(requests)))
    assert not requests


def test_passes_that_find_nothing_to_do(cluster, operator, shared, report):
    operator.restart(resync_interval="2s")
    eventually(lambda: passes(operator) >= 2 * SHARED, 120)
    mark = cluster.audit.mark()
    count, spent, cpu = passes(operator), time_spent(operator), cpu_seconds(operator.pid)
    eventually(lambda: time.sleep(0.5) or passes(operator) >= count + 5 * SHARED, 300)
    made = passes(operator) - count
    report.add("passes that find nothing to do: a worker, by the time they take", f"{made / (time_spent(operator) - spent):,.0f}/s")
    report.add("… operator CPU a pass, its queue and metrics included", f"{(cpu_seconds(operator.pid) - cpu) / made * 1e6:.1f} µs")
    assert not [r for r in cluster.audit.requests(mark) if not r.is_watch]


def time_spent(operator):
    return operator.metric("controller_runtime_reconcile_time_seconds_sum", controller="teamprovisioning")


def edits(cluster, shared, hour):
    """Milliseconds from each of EDITS changes of one team until its CronJob has it, sorted."""
    seen, changed = {}, threading.Condition()
    name, job = f"t{SHARED - 1:05d}", f"ai-pipeline-acme-t{SHARED - 1:05d}"

    def follow():
        for _, obj in cluster.kube.watch("CronJob", "", lambda _: None, "shared", f"metadata.name={job}"):
            with changed:
                seen[obj["spec"]["schedule"]] = time.monotonic()
                changed.notify_all()

    threading.Thread(target=follow, daemon=True).start()
    took = []
    for i in range(EDITS):
        schedule = f"{i % 60} {hour + i // 60} * * *"
        begun = time.monotonic()
        shared.change(name, pipeline={"schedule": schedule})
        with changed:
            assert changed.wait_for(lambda wanted=schedule: wanted in seen, 60), f"edit {i} was not followed"
        took.append((seen[schedule] - begun) * 1000)
    return sorted(took)


def tell(took):
    return f"{took[EDITS // 2]:.0f}, {took[EDITS * 99 // 100]:.0f}, {took[-1]:.0f} ms"


def test_an_edit_during_a_resync(cluster, operator, shared, report):
    """All teams fall due every two seconds, so one resync follows the other, and somebody edits one team again and again."""
    operator.restart(resync_interval="2s")
    eventually(lambda: passes(operator) >= 2 * SHARED, 120)
    before, watch = passes(operator), Stopwatch()
    took = edits(cluster, shared, 1)
    report.add(f"{EDITS} edits of one team, while {SHARED:,} teams are looked at all the time: p50, p99, slowest until the CronJob has it", tell(took))
    report.add("… passes of others a second", f"{(passes(operator) - before) / float(watch):,.0f}")


def test_an_edit_during_a_change_of_the_fleet(cluster, operator, shared, report):
    """Every team's CronJob is written anew, since the platform's image is another, and somebody edits one team again and again."""
    operator.restart(pipeline_image="incidentfox/ai-pipeline:next")
    before = passes(operator)
    took = edits(cluster, shared, 5)
    busy = passes(operator) - before
    report.add(f"{EDITS} edits of one team, while the fleet's {SHARED:,} CronJobs are written anew: p50, p99, slowest until the CronJob has it", tell(took))
    report.add("… passes of others in that time", f"{busy - EDITS:,.0f}")
    waited = operator.metric("workqueue_queue_duration_seconds_sum", controller="teamprovisioning")
    report.add("… mean wait of a due key since the start", f"{waited / passes(operator):.1f} s")


def test_another_takes_over(cluster, state, operator, shared, report):
    """A clean hand-over, and one after a crash, with the times that are the default."""
    operator.close()
    same = {"team_metrics": "false", "pipeline_image": "incidentfox/ai-pipeline:next"}
    with Replicas(cluster, state, **same) as replicas:
        for how, minute in (("stop", 1), ("kill", 2)):
            leader, standby = replicas.roles()
            report.add(f"the leader of {SHARED:,} teams: {how}; an edit is followed after",
                       hand_over(cluster, shared, standby, getattr(leader, how), minute))


def hand_over(cluster, shared, successor, end, minute):
    listings, watch = successor.listings(), Stopwatch()
    end()
    shared.change("t00000", pipeline={"schedule": f"{minute} 1 * * *"})
    job = "ai-pipeline-acme-t00000"
    eventually(lambda: cluster.kube.get("CronJob", "shared", job)["spec"]["schedule"].startswith(str(minute)), 60)
    took = f"{float(watch):.1f} s"
    assert successor.listings() == listings
    return took


def test_secrets_of_others(cluster, state, report):
    """An operator that issues tokens watches Secrets, and sees only its own."""
    with StubServices(state / "stubs", SEED) as stubs:
        install(cluster)
        operator = operator_process(cluster, state / "operator-secrets", stubs).start()
        before = resident_mib(operator.pid)
        ns = namespace(cluster, "foreign")
        load(cluster, [[apply_request({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": ns, "name": f"s{i}"},
                                       "stringData": {"value": "x" * 1000}})] for i in range(FOREIGN)])
        time.sleep(1)  # for what should not come
        report.add(f"resident memory that {FOREIGN:,} Secrets of others add", f"{resident_mib(operator.pid) - before:.1f} MiB")
        operator.restart()
        report.add("… and after a restart with them", f"{resident_mib(operator.pid) - before:.1f} MiB")
        operator.close()
