"""Two operators, of which one works: who takes over, how soon, and what the other one does then.

With short times, so that it does not take long; tests/soak/test_leader.py has the usual ones. Nothing asserts how long
something takes; the figures are reported.
"""

import itertools
import threading

import pytest

from support.cluster import SYSTEM, OwnCluster
from support.metrics import documented, served
from support.provisioning import connections
from support.replicas import LEASE, Replicas, lease
from support.status_oracle import StatusOracle
from support.teams import Teams, scheduled
from support.waiting import Stopwatch, eventually

pytestmark = pytest.mark.fault

TIMES = {"leader_election_lease_duration": "3s", "leader_election_renew_deadline": "2s", "leader_election_retry_period": "500ms"}
MINUTES = itertools.cycle(range(60))


@pytest.fixture(scope="module")
def shared(state):
    with OwnCluster(state / "leader-cluster") as cluster:
        cluster.install_chart()
        yield cluster


@pytest.fixture(scope="module")
def start(shared):
    """Where the audit log stood before the first operator."""
    return shared.audit.mark()


@pytest.fixture(scope="module")
def replicas(shared, start, state):
    oracle = StatusOracle(shared.kube)
    with Replicas(shared, state, **TIMES) as both:
        yield both
    oracle.stop()


@pytest.fixture
def team(shared, request):
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50]
    shared.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    teams = Teams(shared.kube, name)
    teams.apply("team", pipeline=scheduled())
    yield teams
    teams.delete_all()


def edit(teams):
    """Changes the team's schedule; a look whether somebody has followed."""
    schedule = f"{next(MINUTES)} 5 * * *"
    teams.change("team", pipeline={"schedule": schedule})
    return lambda: [job["spec"]["schedule"] for job in teams.children("CronJob").values()] == [schedule]


def test_one_works_and_the_other_is_ready_to(shared, replicas, team):
    leader, standby = replicas.roles()
    eventually(lambda: team.ready("team"))
    assert standby.writes(0) == []
    assert leader.probe("/readyz") == standby.probe("/readyz") == 200
    assert lease(shared.kube)["leaseDurationSeconds"] == 3
    for replica in (leader, standby):
        found = {k: v for k, v in served(replica.fetch("metrics", "/metrics")[1]).items() if k.startswith("leader_election_")}
        assert found == {k: v for k, v in documented("team-operator").items() if k.startswith("leader_election_")}


def test_a_leader_that_ends_gives_the_lease_back(shared, replicas, team, figure):
    leader, standby = replicas.roles()
    eventually(lambda: team.ready("team"))
    mark, listings = shared.audit.mark(), standby.listings()
    before = lease(shared.kube)
    watch = Stopwatch()
    leader.terminate()
    eventually(edit(team), 60)
    figure("clean failover, retry period 0.5 s: an edit is followed after", float(watch), "s")
    leader.join()
    assert standby.leads()
    assert lease(shared.kube)["leaseTransitions"] == before["leaseTransitions"] + 1
    # Its caches were warm: nothing is listed.
    assert [str(r) for r in standby.requests(mark) if r.verb == "list"] == []
    assert standby.listings() == listings


def test_a_leader_that_dies_is_replaced(shared, replicas, team, figure):
    leader, standby = replicas.roles()
    eventually(lambda: team.ready("team"))
    listings = standby.listings()
    watch = Stopwatch()
    leader.kill()
    eventually(edit(team), 60)
    figure("crash failover, lease of 3 s: an edit is followed after", float(watch), "s")
    assert standby.leads() and standby.listings() == listings


def test_a_leader_that_was_stopped_begins_no_write(shared, replicas, team, figure):
    old, new = replicas.roles()
    eventually(lambda: team.ready("team"))
    shared.audit.quiet(shared.audit.mark(), namespace=team.namespace)
    old.suspend()
    eventually(new.leads)
    eventually(edit(team), 60)
    # While it wakes up there is always something that it could do.
    stop, edits = threading.Event(), []

    def go_on():
        while not stop.wait(0.02):
            edits.append(edit(team))

    busy = threading.Thread(target=go_on)
    busy.start()
    try:
        eventually(lambda: len(edits) > 5)
        mark = shared.audit.mark()
        old.resume()
        eventually(lambda: not old.leads())
        eventually(lambda: [r for r in old.requests(mark) if r.resource == "leases"], what="it stands for election again")
    finally:
        stop.set()
        busy.join()
    eventually(edit(team), 60)
    assert [str(r) for r in old.writes(mark)] == []
    assert new.writes(mark) and new.leads()
    # It stands by, and can lead again.
    assert old.probe("/readyz") == 200
    listings = old.listings()
    new.terminate()
    eventually(edit(team), 60)
    new.join()
    assert old.leads() and old.listings() == listings


def test_a_leader_without_an_api_server_stands_by_and_comes_back(shared, replicas, team):
    leader, standby = replicas.roles()
    for replica in (leader, standby):
        replica.expect_errors(r".")
    eventually(lambda: team.ready("team"))
    shared.word("pause", "kube-apiserver")
    try:
        eventually(lambda: not leader.leads() and not standby.leads(), what="nobody leads")
        for replica in (leader, standby):
            replica.assert_running()
    finally:
        shared.word("resume", "kube-apiserver")
    replicas.roles()
    eventually(edit(team), 60)


def test_the_rights_on_the_lease_are_those_that_are_used(shared, replicas, start):
    """After all others: together they have done everything that can be done with it."""
    replicas.roles()
    requests = [r for r in shared.audit.requests(start) if r.resource == "leases"]
    assert [str(r) for r in requests if r.forbidden] == []
    used = {r.verb for r in requests} | {"create" for r in requests if r.verb == "patch" and r.code == 201}
    assert {(r.namespace, r.name) for r in requests} == {(SYSTEM, LEASE)}
    (rule,) = shared.kube.get("Role", SYSTEM, "team-operator-leader-election")["rules"]
    assert rule["resourceNames"] == [LEASE] and set(rule["verbs"]) == used


def test_who_stands_by_again_tells_nothing_of_the_services(platform_cluster, services, state):
    """What it has last compared, another process compares now."""
    platform_cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stood-down"}})
    teams = Teams(platform_cluster.kube, "stood-down")

    def tells(replica):
        return "\nteamprovisioning_drift_seconds{" in replica.fetch("metrics", "/metrics")[1]

    with Replicas(platform_cluster, state / "replicas-with-services", connect_to=connections(services), drift_interval="2s", **TIMES) as both:
        old, new = both.roles()
        teams.apply("told")
        eventually(lambda: teams.ready("told"))
        eventually(lambda: tells(old))
        assert not tells(new)
        old.suspend()
        eventually(new.leads)
        old.resume()
        eventually(lambda: not old.leads() and not tells(old))
        eventually(lambda: tells(new))
        teams.delete_all()
        eventually(lambda: not teams.all(), 60)
