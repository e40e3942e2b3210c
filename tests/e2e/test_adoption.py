"""What the service before this operator made is taken over in place: same uid, name and selector, and no gap in the agent."""

import collections

import pytest

from support import legacy
from support.kube import Follower
from support.teams import dedicated, reason, scheduled
from support.waiting import eventually, throughout

SPEC = {"pipeline": scheduled("0 4 * * *"), "dependencyDiscovery": {"schedule": "0 5 * * *"}, "runtime": dedicated()}


def uid(obj):
    return obj["metadata"]["uid"]


def live(kube, obj):
    return kube.get(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])


def make_legacy(kube, namespace, org, node):
    """All that a team had, its agent running."""
    for account in legacy.accounts(namespace):
        kube.apply(account)
    made = legacy.create(kube, legacy.pipeline(namespace, org, node), legacy.discovery(namespace, org, node),
                         *legacy.agent(namespace, org, node))
    deployment = made[2]
    eventually(lambda: live(kube, deployment)["status"].get("availableReplicas") == 1)
    return made


class Availability:
    """The fewest available replicas that a Deployment had while this watched."""

    def __init__(self, kube, deployment):
        self.seen = collections.Counter()
        meta = deployment["metadata"]
        self.follower = Follower(kube, "Deployment", self.see, meta["namespace"], f"metadata.name={meta['name']}")

    def see(self, event, obj):
        assert event != "DELETED", "the Deployment was deleted"
        self.seen[obj["status"].get("availableReplicas", 0)] += 1

    def fewest(self):
        self.follower.stop()
        return min(self.seen)


@pytest.mark.parametrize("org, node", [("initech", "platform-sre"), ("acme-corp", "Payments_EU")], ids=["same-names", "hashed-today"])
def test_everything_is_kept_and_nothing_is_missing_meanwhile(kube, operator, teams, org, node):
    namespace = teams.namespace
    made = make_legacy(kube, namespace, org, node)
    deployment, service = made[2:]
    availability = Availability(kube, deployment)
    teams.apply("adopted", org=org, node=node, **SPEC)
    (team,) = eventually(lambda: teams.ready("adopted"))
    assert availability.fewest() == 1

    assert {(e["kind"], e["name"], e["uid"]) for e in team["status"]["inventory"]} == {
        (o["kind"], o["metadata"]["name"], uid(o)) for o in made}
    assert len(teams.children()) == 4, "nothing was made beside what there was"
    for before in made:
        after = live(kube, before)
        assert uid(after) == uid(before)
        assert after["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "team-operator"
        assert [r["uid"] for r in after["metadata"]["ownerReferences"]] == [uid(team)]
        assert legacy.CLIENT not in {m["manager"] for m in after["metadata"]["managedFields"]}
    after = live(kube, deployment)
    assert after["spec"]["selector"] == deployment["spec"]["selector"]
    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert [p["containerPort"] for p in container["ports"]] == [8080, 8081]
    assert container["readinessProbe"]["httpGet"]["port"] == 8081
    assert [p["port"] for p in live(kube, service)["spec"]["ports"]] == [8080]
    assert live(kube, service)["spec"]["selector"].items() <= after["spec"]["template"]["metadata"]["labels"].items()
    assert {o["spec"]["schedule"] for o in teams.children("CronJob").values()} == {"0 4 * * *", "0 5 * * *"}
    sets = kube.list("ReplicaSet", namespace)
    assert len(sets) == 2, "more than one roll-out"
    assert team["status"]["serviceUrl"] == f"http://{service['metadata']['name']}.{namespace}.svc.cluster.local:8080"

    # From now on they are like any other child.
    teams.change("adopted", runtime={"mode": "Shared"})
    eventually(lambda: live(kube, deployment) is None and live(kube, service) is None)
    teams.delete("adopted")
    # The garbage collector looks for new kinds each 30 s, and this may be the first team of a new cluster.
    eventually(lambda: not teams.children(), 75)


def test_what_the_team_does_not_want_goes(kube, operator, teams):
    """The resource is the truth: a CronJob of the old service that it does not name is taken away."""
    made = make_legacy(kube, teams.namespace, "initrode", "ops")
    teams.apply("ops", org="initrode", pipeline=scheduled("0 4 * * *"))
    eventually(lambda: teams.ready("ops"))
    eventually(lambda: [live(kube, o) is not None for o in made] == [True, False, False, False])


def test_teams_whose_old_labels_are_the_same_are_not_mixed_up(kube, operator, teams):
    """acme_corp and acme.corp were both acme-corp to the old service, and had to share a name; the raw ids tell."""
    namespace = teams.namespace
    theirs = make_legacy(kube, namespace, "acme_corp", "payments")
    before = [live(kube, o) for o in theirs]
    teams.apply("dot", org="acme.corp", node="payments", **SPEC)
    eventually(lambda: len(teams.children()) == 4, what="the other team gets objects of its own")
    eventually(lambda: teams.ready("dot"))

    def untouched():
        for obj in before:
            after = live(kube, obj)
            assert after and uid(after) == uid(obj) and after["spec"] == obj["spec"], obj["kind"]
            assert after["metadata"]["labels"] == obj["metadata"]["labels"], obj["kind"]

    untouched()
    throughout(0.5, untouched)
    teams.apply("underscore", org="acme_corp", node="payments", **SPEC)
    (team,) = eventually(lambda: teams.ready("underscore"))
    assert {e["uid"] for e in team["status"]["inventory"]} == {uid(o) for o in theirs}
    (other,) = teams.ready("dot")
    assert not {e["uid"] for e in other["status"]["inventory"]} & {uid(o) for o in theirs}
    # No pod of one is behind the Service of the other.
    services = {s["metadata"]["annotations"]["incidentfox.io/org-id"]: s["spec"]["selector"] for s in teams.children("Service").values()}
    for org, selector in services.items():
        chosen = [p for p in kube.list("Pod", namespace) if selector.items() <= p["metadata"]["labels"].items()]
        for pod in chosen:
            assert {"name": "ORG_ID", "value": org} in pod["spec"]["containers"][0]["env"]
        assert chosen


def test_an_old_object_of_another_team_is_a_stranger(kube, operator, teams):
    """Long ids were cut: the old name of another team can be exactly the one that this team would get."""
    org, node = "umbra", "a" * 30
    foreign = make_legacy(kube, teams.namespace, org, node + "-the-longer-one")[:1]
    assert foreign[0]["metadata"]["name"] == f"ai-pipeline-{org}-{node}"
    before = live(kube, foreign[0])
    teams.apply("shorter", org=org, node=node, pipeline=scheduled())
    eventually(lambda: reason(teams.get("shorter")) == "Conflict")
    after = live(kube, foreign[0])
    assert uid(after) == uid(before) and after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"] and not teams.children()
