"""What somebody changes or deletes by hand is put back, by its event: the operator of these tests resyncs every ten hours."""

import concurrent.futures

import pytest

from support.kube import TEAM
from support.teams import Teams, everything
from support.waiting import Stopwatch, eventually, throughout

CHILDREN = [
    ("CronJob", "ai-pipeline-acme-drift"),
    ("CronJob", "dep-discovery-acme-drift"),
    ("NetworkPolicy", "agent-dedicated-acme-drift"),
    ("PodDisruptionBudget", "agent-dedicated-acme-drift"),
    ("Deployment", "agent-dedicated-acme-drift"),
    ("Service", "agent-dedicated-acme-drift"),
]
# An edit of a field that the operator owns, as a merge patch.
EDITS = {
    "CronJob": {"spec": {"schedule": "59 23 31 12 *", "suspend": True}},
    "NetworkPolicy": {"spec": {"ingress": [], "policyTypes": ["Ingress"]}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": "100%"}},
    "Deployment": {"spec": {"replicas": 7, "template": {"spec": {"automountServiceAccountToken": True}}}},
    "Service": {"spec": {"selector": {"app.kubernetes.io/name": "somebody-else"}}},
}
GIVEN_BY_THE_SERVER = ("clusterIP", "clusterIPs")
each_child = pytest.mark.parametrize("kind, name", CHILDREN, ids=[f"{kind}-{name.split('-')[0]}" for kind, name in CHILDREN])


@pytest.fixture(scope="module")
def drifting(kube, operator):
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drift"}})
    teams = Teams(kube, "drift")
    teams.apply("drift", **everything())
    eventually(lambda: teams.ready("drift"))
    yield teams
    kube.delete("Namespace", None, "drift")


def essence(obj):
    """What the operator is answerable for."""
    spec = {k: v for k, v in obj["spec"].items() if k not in GIVEN_BY_THE_SERVER}
    return spec, obj["metadata"]["labels"], obj["metadata"]["ownerReferences"]


def put_back(teams, kind, name, before, figure, what):
    watch = Stopwatch()

    def restored():
        live = teams.kube.get(kind, "drift", name)
        assert live, f"{kind} {name} is gone"
        assert "ownerReferences" in live["metadata"] and "labels" in live["metadata"]
        assert essence(live) == essence(before)
        return live

    live = eventually(restored)
    figure(f"{what} {kind} put back", float(watch), "s")
    return live


@pytest.mark.minor
@each_child
def test_a_deleted_child_is_made_again(drifting, figure, kind, name):
    before = drifting.kube.get(kind, "drift", name)
    drifting.kube.delete(kind, "drift", name)
    after = put_back(drifting, kind, name, before, figure, "deleted")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    eventually(lambda: drifting.ready("drift"))


@pytest.mark.minor
@each_child
def test_an_edit_is_undone(drifting, figure, kind, name):
    before = drifting.kube.get(kind, "drift", name)
    edited = drifting.kube.merge(kind, "drift", name, EDITS[kind])
    assert essence(edited) != essence(before)
    after = put_back(drifting, kind, name, before, figure, "edited")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


@pytest.mark.minor
@each_child
def test_labels_that_were_stripped_come_back(drifting, figure, kind, name):
    """Without them the object has left every watch: it looks deleted, and is not."""
    before = drifting.kube.get(kind, "drift", name)
    drifting.kube.merge(kind, "drift", name, {"metadata": {"labels": None}})
    after = put_back(drifting, kind, name, before, figure, "stripped")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


@each_child
def test_the_owner_reference_comes_back(drifting, figure, kind, name):
    before = drifting.kube.get(kind, "drift", name)
    drifting.kube.merge(kind, "drift", name, {"metadata": {"ownerReferences": None}})
    after = put_back(drifting, kind, name, before, figure, "disowned")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_the_port_of_a_service_cannot_be_moved(drifting, figure):
    """Ports are a keyed list: the one of the editor belongs to the editor, and stands in the way of ours by its name."""
    kind, name = "Service", "agent-dedicated-acme-drift"
    before = drifting.kube.get(kind, "drift", name)
    port = {"name": "http", "port": 9999, "targetPort": 9999, "protocol": "TCP"}
    drifting.kube.merge(kind, "drift", name, {"spec": {"ports": [port]}})
    put_back(drifting, kind, name, before, figure, "moved port of")
    eventually(lambda: drifting.ready("drift"))


@each_child
def test_what_others_add_is_theirs(drifting, operator, kind, name):
    """No fight about fields that the operator never named."""
    added = {"metadata": {"annotations": {"example.com/note": "mine"}, "labels": {"example.com/team": "mine"}}}
    version = drifting.kube.merge(kind, "drift", name, added)["metadata"]["generation" if kind == "CronJob" else "uid"]

    def untouched():
        live = drifting.kube.get(kind, "drift", name)
        assert live["metadata"]["annotations"]["example.com/note"] == "mine"
        assert live["metadata"]["labels"]["example.com/team"] == "mine"
        assert live["metadata"]["generation" if kind == "CronJob" else "uid"] == version

    throughout(0.5, untouched)


def test_the_status_is_the_operators(drifting):
    """Somebody who writes a lie into the status is corrected."""
    lie = {"status": {"serviceUrl": "http://elsewhere.example.com", "inventory": []}}
    before = drifting.get("drift")["status"]
    drifting.kube.merge(TEAM, "drift", "drift", lie, subresource="status")
    eventually(lambda: drifting.get("drift")["status"] == before)


def test_a_hundred_deletions_at_once(kube, operator, teams, figure):
    for i in range(50):
        teams.apply(f"many-{i}", pipeline={"schedule": "0 2 * * *"}, dependencyDiscovery={"schedule": "0 3 * * *"})
    eventually(lambda: len(teams.ready()) == 50)
    jobs = [name for _, name in teams.children("CronJob")]
    watch = Stopwatch()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda name: kube.delete("CronJob", teams.namespace, name), jobs))
    eventually(lambda: len([c for c in teams.children("CronJob").values() if "deletionTimestamp" not in c["metadata"]]) == 100)
    figure("100 CronJobs of 50 teams deleted at once, all back", float(watch), "s")
    eventually(lambda: len(teams.ready()) == 50)
