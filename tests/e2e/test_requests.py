"""What the operator costs the API server, counted in its audit log."""

import concurrent.futures

import pytest

from support.kube import TEAM
from support.teams import Teams, dedicated, everything, scheduled, team
from support.waiting import Stopwatch, eventually

MANY = 100
DEDICATED = 20  # of them; a pod costs the control plane far more than it costs the operator


@pytest.fixture
def warm(operator, teams, audit):
    """A namespace in which the platform's ServiceAccounts exist already, and nothing happens any more."""
    teams.apply("first", **everything())
    eventually(lambda: teams.ready("first"))
    audit.quiet(audit.mark())
    return teams


def cost(teams, audit, name, **spec):
    """The requests of the operator from the creation of a team until it has been Ready and quiet, apart from the one that
    tells people so: an Event."""
    mark = audit.mark()
    teams.apply(name, **spec)
    eventually(lambda: teams.ready(name))
    eventually(lambda: any(r.resource == "events" for r in audit.requests(mark, teams.namespace)), what="people are told")
    requests = audit.quiet(mark, namespace=teams.namespace)
    told = [r for r in requests if r.resource == "events"]
    assert len(told) == 1, [str(r) for r in told]
    requests = [r for r in requests if r not in told]
    assert not [r for r in requests if r.is_read], [str(r) for r in requests]
    return requests


def test_a_dedicated_scheduled_team_costs_five_writes_and_no_read(warm, audit, figure):
    requests = cost(warm, audit, "plain", pipeline=scheduled(), runtime=dedicated())
    figure("writes for a dedicated, scheduled team", len(requests))
    assert len(requests) <= 5, [str(r) for r in requests]


def test_a_policy_and_a_budget_cost_one_write_each(warm, audit, figure):
    spec = {"pipeline": scheduled(), "runtime": dedicated(replicas=2, networkIsolation="Enabled")}
    requests = cost(warm, audit, "guarded", **spec)
    figure("writes with NetworkPolicy and PodDisruptionBudget", len(requests))
    assert len(requests) <= 7, [str(r) for r in requests]


def test_a_shared_scheduled_team_costs_two_writes(warm, audit, figure):
    requests = cost(warm, audit, "small", pipeline=scheduled())
    figure("writes for a shared, scheduled team", len(requests))
    assert len(requests) <= 2, [str(r) for r in requests]


def test_a_change_costs_what_it_changes(warm, audit):
    cost(warm, audit, "moved", pipeline=scheduled("0 2 * * *"))
    mark = audit.mark()
    warm.change("moved", pipeline={"schedule": "0 3 * * *"})
    eventually(lambda: warm.ready("moved"))
    requests = audit.quiet(mark, namespace=warm.namespace)
    assert [(r.verb, r.resource) for r in requests] == [("patch", "cronjobs"), ("patch", "teamprovisionings/status")]


def test_a_deletion_is_left_to_the_garbage_collector(warm, audit):
    """Without a finalizer. The watches of teams and children are not one: a child may be seen to go, and be made again, a
    moment before its team is seen to have gone; its owner is no more, so it is collected too."""
    mark = audit.mark()
    warm.delete("first")
    eventually(lambda: not warm.children())
    requests = audit.quiet(mark, namespace=warm.namespace)
    assert [str(r) for r in requests if r.verb == "delete" or r.is_read or r.resource.startswith("teamprovisionings")] == []
    eventually(lambda: not warm.children())


def create_many(kube, namespace, count=MANY):
    def one(i):
        runtime = {"runtime": dedicated()} if i < DEDICATED else {}
        kube.create(team(namespace, f"team-{i:03}", pipeline=scheduled(), **runtime))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(count)))


def test_settled_teams_cost_nothing(kube, operator, namespaces, audit, figure):
    """Neither a restart nor a resync of all of them asks the API server for more than watches."""
    teams = Teams(kube, namespaces())
    watch = Stopwatch()
    create_many(kube, teams.namespace)
    eventually(lambda: len(teams.ready()) == MANY, 60)
    figure(f"{MANY} teams ({DEDICATED} dedicated) created and Ready", float(watch), "s")
    audit.quiet(audit.mark())
    versions = {t["metadata"]["name"]: t["metadata"]["resourceVersion"] for t in teams.all()}

    mark = audit.mark()
    operator.restart(resync_interval="3s")
    reconciled = operator.metric("controller_runtime_reconcile_total")
    eventually(lambda: operator.metric("controller_runtime_reconcile_total") >= reconciled + 2 * MANY, 60,
               "every team is looked at twice more")
    requests = audit.requests(mark)
    operator.restart()  # as it was, for those who come after

    # An operator that ends writes the counts of its Events, some of namespaces that are gone.
    assert [str(r) for r in requests if not r.is_watch and r.resource != "events"] == []
    watched = {r.resource for r in requests if r.is_watch}
    assert watched >= {"teamprovisionings", "cronjobs", "deployments", "services"}
    assert versions == {t["metadata"]["name"]: t["metadata"]["resourceVersion"] for t in kube.list(TEAM, teams.namespace)}
