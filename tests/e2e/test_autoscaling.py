"""A HorizontalPodAutoscaler decides on the number of agents. There is no metrics server here: Kubernetes' autoscaler keeps to the
bounds, and leaves everything between them alone."""

import pytest

from support.kube import Follower
from support.teams import dedicated, reason
from support.waiting import eventually, throughout

HPA = "HorizontalPodAutoscaler"
SCALED = "agent-dedicated-acme-scaled"


def bounds(least, most, **more):
    return {"minReplicas": least, "maxReplicas": most} | more


@pytest.fixture
def history(kube, teams):
    """How many replicas the Deployment was to have, one number for each of its versions."""
    numbers = []

    def seen(event, deployment):
        if event != "DELETED" and deployment["metadata"]["name"] == SCALED:
            numbers.append(deployment["spec"]["replicas"])

    follower = Follower(kube, "Deployment", seen, namespace=teams.namespace)
    yield numbers
    follower.stop()


def live(teams, kind="Deployment"):
    return teams.kube.get(kind, teams.namespace, SCALED)


def replicas(teams):
    return live(teams)["spec"]["replicas"]


def owners(teams):
    return {entry["manager"] for entry in live(teams)["metadata"]["managedFields"]
            if "f:replicas" in entry["fieldsV1"].get("f:spec", {})}


def operator_writes(audit, since, teams, resource):
    return [r for r in audit.quiet(since, namespace=teams.namespace) if r.is_write and r.resource == resource]


def test_replicas_go_to_the_autoscaler_and_come_back(kube, operator, teams, audit, history):
    teams.apply("scaled", runtime=dedicated(replicas=1))
    eventually(lambda: teams.ready("scaled"))
    since = audit.mark()
    teams.change("scaled", runtime={"dedicated": {"autoscaling": bounds(3, 6)}})
    eventually(lambda: replicas(teams) == 3, 60)
    eventually(lambda: teams.ready("scaled"))
    assert owners(teams) == {"kube-controller-manager"}
    scaler = live(teams, HPA)
    assert scaler["spec"]["scaleTargetRef"]["name"] == SCALED
    assert scaler["metadata"]["ownerReferences"][0]["name"] == "scaled"
    assert any(entry["kind"] == HPA for entry in teams.get("scaled")["status"]["inventory"])
    # It took them; we never let go of them.
    assert not operator_writes(audit, since, teams, "deployments")

    since = audit.mark()
    kube.kubectl("-n", teams.namespace, "scale", "deployment", SCALED, "--replicas=4")

    def still_four():
        assert replicas(teams) == 4

    throughout(3, still_four)
    eventually(lambda: teams.ready("scaled"))
    assert not operator_writes(audit, since, teams, "deployments")

    since = audit.mark()
    teams.change("scaled", runtime={"dedicated": {"image": "registry.example.com/agent:2"}})
    eventually(lambda: live(teams)["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/agent:2")
    eventually(lambda: teams.ready("scaled"), 60)
    assert replicas(teams) == 4
    assert len(operator_writes(audit, since, teams, "deployments")) == 1

    since, begun = audit.mark(), len(history)
    teams.change("scaled", runtime={"dedicated": {"autoscaling": None, "replicas": 2}})
    eventually(lambda: replicas(teams) == 2)
    eventually(lambda: teams.ready("scaled"))
    assert live(teams, HPA) is None
    assert owners(teams) == {"team-operator"}
    assert len(operator_writes(audit, since, teams, "deployments")) == 1
    eventually(lambda: history[-1] == 2)
    assert set(history[begun:]) <= {4, 2}, "neither fewer nor more than before and after"
    assert history[:begun] == sorted(history[:begun]), "it went up, and never down"


def test_an_autoscaler_that_finds_enough_leaves_the_replicas_ours(operator, teams, audit, history):
    teams.apply("scaled", runtime=dedicated(replicas=2, autoscaling=bounds(1, 5, targetMemoryUtilizationPercentage=75)))
    eventually(lambda: teams.ready("scaled"))
    since = audit.mark()
    assert owners(teams) == {"team-operator"} and replicas(teams) == 2
    # Another number to begin with changes nothing now.
    teams.change("scaled", runtime={"dedicated": {"replicas": 3}})
    eventually(lambda: teams.ready("scaled"))
    assert not operator_writes(audit, since, teams, "deployments")
    # Other bounds: the autoscaler acts.
    teams.change("scaled", runtime={"dedicated": {"autoscaling": bounds(4, 5)}})
    eventually(lambda: replicas(teams) == 4, 60)
    assert not operator_writes(audit, since, teams, "deployments")
    # And without it the number that the team asks for, in one step.
    teams.change("scaled", runtime={"dedicated": {"autoscaling": None}})
    eventually(lambda: replicas(teams) == 3)
    eventually(lambda: teams.ready("scaled"))
    eventually(lambda: history[-1] == 3)
    assert set(history) == {2, 4, 3}


def test_an_autoscaler_that_is_edited_or_deleted_comes_back(kube, operator, teams):
    teams.apply("scaled", runtime=dedicated(autoscaling=bounds(1, 5)))
    eventually(lambda: teams.ready("scaled"))
    before = live(teams, HPA)
    kube.merge(HPA, teams.namespace, SCALED, {"spec": {"maxReplicas": 50}})
    eventually(lambda: live(teams, HPA)["spec"] == before["spec"])
    kube.delete(HPA, teams.namespace, SCALED)
    eventually(lambda: live(teams, HPA)["metadata"]["uid"] != before["metadata"]["uid"])
    assert live(teams, HPA)["spec"] == before["spec"]


def test_a_strangers_autoscaler_of_that_name_is_left_alone(kube, operator, teams):
    foreign = kube.create({"apiVersion": "autoscaling/v2", "kind": HPA, "metadata": {"namespace": teams.namespace, "name": SCALED}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "something-else"}, "maxReplicas": 2}})
    teams.apply("scaled", runtime=dedicated(autoscaling=bounds(1, 5)))
    eventually(lambda: reason(teams.get("scaled")) == "Conflict")
    assert live(teams, HPA)["spec"] == foreign["spec"]
    eventually(lambda: live(teams), what="what does not concern the stranger is made all the same")
    kube.delete(HPA, teams.namespace, SCALED)
    eventually(lambda: teams.ready("scaled"))
    assert live(teams, HPA)["spec"]["maxReplicas"] == 5


def test_an_autoscaler_that_is_let_go_goes_on(kube, operator, teams):
    teams.apply("scaled", runtime=dedicated(autoscaling=bounds(2, 5)), deletionPolicy={"children": "Orphan"})
    eventually(lambda: teams.ready("scaled"))
    teams.delete("scaled")
    eventually(lambda: teams.get("scaled") is None)
    assert not live(teams, HPA)["metadata"].get("ownerReferences")
    # The next resource for the team takes it on, and the replicas stay with whoever has them.
    kube.kubectl("-n", teams.namespace, "scale", "deployment", SCALED, "--replicas=4")
    teams.apply("scaled", runtime=dedicated(autoscaling=bounds(2, 5)))
    eventually(lambda: teams.ready("scaled"), 60)
    assert replicas(teams) == 4
    assert live(teams, HPA)["metadata"]["ownerReferences"][0]["uid"] == teams.get("scaled")["metadata"]["uid"]
