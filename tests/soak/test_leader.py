"""Failovers with the usual times (15, 10, 2 s) and a fleet of teams: figures, and what must not happen meanwhile."""

import concurrent.futures
import os
import time

import pytest

from support.cluster import OwnCluster
from support.replicas import Replicas
from support.teams import Teams, scheduled
from support.waiting import Stopwatch, eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(3600)]

TEAMS = int(os.environ.get("TP_SOAK_TEAMS", "10000"))
NAMESPACE = "fleet"


@pytest.fixture(scope="module")
def shared(state):
    with OwnCluster(state / "leader-soak-cluster") as cluster:
        cluster.install_chart()
        yield cluster


@pytest.fixture(scope="module")
def replicas(shared, state):
    with Replicas(shared, state / "leader-soak") as both:
        yield both


@pytest.fixture(scope="module")
def fleet(shared, replicas):
    """As many shared, scheduled teams as there are in a large installation, all of them in order."""
    shared.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    teams = Teams(shared.kube, NAMESPACE)
    leader, _ = replicas.roles()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: teams.apply(f"team-{i:05}", pipeline=scheduled()), range(TEAMS)))

    def in_order():
        time.sleep(2)  # a look at all of them is not cheap
        return leader.metric("workqueue_depth", controller="teamprovisioning", priority="0") == 0 and len(teams.ready()) == TEAMS

    eventually(in_order, 1800)
    return teams


def edited(teams, schedule):
    teams.change("team-00000", pipeline={"schedule": schedule})
    job = "ai-pipeline-acme-team-00000"
    return lambda: teams.kube.get("CronJob", NAMESPACE, job)["spec"]["schedule"] == schedule


def test_a_clean_failover(shared, replicas, fleet, figure):
    leader, standby = replicas.roles()
    mark, listings = shared.audit.mark(), standby.listings()
    watch = Stopwatch()
    leader.terminate()
    eventually(edited(fleet, "1 0 * * *"), 60)
    figure(f"{TEAMS} teams, clean failover: an edit is followed after", float(watch), "s")
    leader.join()
    assert standby.leads() and standby.listings() == listings
    assert [str(r) for r in standby.requests(mark) if r.verb == "list"] == []


def test_a_crash(replicas, fleet, figure):
    leader, standby = replicas.roles()
    watch = Stopwatch()
    leader.kill()
    eventually(edited(fleet, "2 0 * * *"), 120)
    figure(f"{TEAMS} teams, crash failover: an edit is followed after", float(watch), "s")
    assert standby.leads()


def test_a_leader_that_is_stopped_for_a_minute(shared, replicas, fleet, figure):
    old, new = replicas.roles()
    old.suspend()
    watch = Stopwatch()
    eventually(edited(fleet, "3 0 * * *"), 120)
    figure(f"{TEAMS} teams, leader stopped: an edit is followed after", float(watch), "s")
    while float(watch) < 60:
        new.assert_running()
        time.sleep(1)
    mark = shared.audit.mark()
    old.resume()
    eventually(lambda: not old.leads())
    eventually(lambda: [r for r in old.requests(mark) if r.resource == "leases"])
    for minute in range(10, 20):
        eventually(edited(fleet, f"{minute} 0 * * *"), 60)
    assert [str(r) for r in old.writes(mark)] == []
    assert new.leads()
