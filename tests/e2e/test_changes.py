"""A changed spec: the children follow, what is no longer wanted goes, what need not restart does not."""

import pytest

from support.kube import TEAM
from support.teams import condition, dedicated, everything, is_ready, scheduled
from support.waiting import eventually, throughout

ORPHAN = {"children": "Orphan"}


def names(teams):
    return sorted(f"{kind}/{name}" for kind, name in teams.children())


def pods(teams):
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in teams.kube.list("Pod", teams.namespace)
            if "deletionTimestamp" not in p["metadata"]}


def test_schedule_and_time_zone_follow(operator, teams):
    teams.apply("clock", pipeline=scheduled("0 2 * * *"))
    eventually(lambda: teams.ready("clock"))
    (before,) = teams.children("CronJob").values()
    assert before["spec"]["timeZone"] == "Etc/UTC"
    teams.change("clock", pipeline={"schedule": "30 4 * * MON", "timeZone": "Europe/Amsterdam", "suspend": True})

    def followed():
        (job,) = teams.children("CronJob").values()
        assert job["spec"]["schedule"] == "30 4 * * MON"
        assert job["spec"]["timeZone"] == "Europe/Amsterdam" and job["spec"]["suspend"] is True
        assert job["metadata"]["uid"] == before["metadata"]["uid"]
        said = condition(teams.get("clock"), "PipelineScheduled")
        assert said["reason"] == "Suspended" and "30 4 * * MON Europe/Amsterdam" in said["message"]
        return True

    eventually(followed)
    teams.change("clock", pipeline={"schedule": None})
    eventually(lambda: not teams.children())
    (team,) = eventually(lambda: teams.ready("clock"))
    assert not condition(team, "PipelineScheduled"), "a condition that does not apply is absent"
    assert team["status"].get("inventory", []) == []


def test_dedicated_to_shared_and_back(kube, operator, teams):
    teams.apply("mode", **everything())
    eventually(lambda: teams.ready("mode"))
    everyone = names(teams)
    assert len(everyone) == 6
    teams.change("mode", runtime={"mode": "Shared"})
    eventually(lambda: names(teams) == ["CronJob/ai-pipeline-acme-mode", "CronJob/dep-discovery-acme-mode"])
    eventually(lambda: not kube.list("Pod", teams.namespace))
    (team,) = eventually(lambda: teams.ready("mode"))
    assert "serviceUrl" not in team["status"] and not condition(team, "AgentAvailable")
    assert len(team["status"]["inventory"]) == 2
    teams.change("mode", runtime={"mode": "Dedicated"})
    (team,) = eventually(lambda: teams.ready("mode"))
    assert names(teams) == everyone
    assert team["status"]["serviceUrl"]
    deployments = teams.children("Deployment")
    assert [d["spec"]["replicas"] for d in deployments.values()] == [2], "the settings were kept"


def test_pods_survive_what_does_not_concern_them(operator, teams):
    teams.apply("calm", pipeline=scheduled(), runtime=dedicated(replicas=2))
    eventually(lambda: teams.ready("calm"))
    before = pods(teams)
    assert len(before) == 2
    teams.change("calm", pipeline={"schedule": "5 5 * * *"}, runtime={"dedicated": {
        "replicas": 3, "disruptionBudget": {"minAvailable": 1}, "networkIsolation": "Enabled"}})
    eventually(lambda: teams.ready("calm"))
    assert len(teams.children()) == 5
    after = pods(teams)
    assert len(after) == 3 and before.items() <= after.items()
    # Fewer replicas, and so no budget and no policy: still no restart.
    teams.change("calm", runtime={"dedicated": {"replicas": 1, "disruptionBudget": None, "networkIsolation": None}})
    eventually(lambda: teams.ready("calm"))
    eventually(lambda: len(pods(teams)) == 1)
    assert pods(teams).items() <= after.items()
    assert names(teams) == ["CronJob/ai-pipeline-acme-calm", "Deployment/agent-dedicated-acme-calm", "Service/agent-dedicated-acme-calm"]


def test_resources_follow_without_a_gap(kube, operator, teams):
    teams.apply("grow", runtime=dedicated())
    eventually(lambda: teams.ready("grow"))
    before = pods(teams)
    more = {"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
    teams.change("grow", runtime={"dedicated": {"resources": more}})

    def rolled():
        live = kube.get("Deployment", teams.namespace, "agent-dedicated-acme-grow")
        assert live["status"].get("availableReplicas", 0) >= 1, "there was a gap"
        return is_ready(teams.get("grow")) and not before.keys() & pods(teams).keys()

    eventually(rolled)
    (name,) = pods(teams)  # the former may still be leaving
    pod = kube.get("Pod", teams.namespace, name)
    assert pod["spec"]["containers"][0]["resources"] == more


def test_suspend(kube, operator, teams):
    teams.apply("still", pipeline=scheduled("0 2 * * *"))
    eventually(lambda: teams.ready("still"))
    teams.change("still", suspend=True)
    # Else the deletion, which comes by another watch, may be seen first and is repaired.
    eventually(lambda: operator.metric("teamprovisioning_teams", state="suspended") >= 1, what="the operator knows that it is suspended")
    teams.change("still", pipeline={"schedule": "0 5 * * *"})
    kube.delete("CronJob", teams.namespace, "ai-pipeline-acme-still")
    throughout(1.5, lambda: _assert_none(teams))
    teams.change("still", suspend=None)
    eventually(lambda: teams.ready("still"))
    assert [job["spec"]["schedule"] for job in teams.children("CronJob").values()] == ["0 5 * * *"]
    teams.change("still", suspend=True)
    teams.delete("still")
    # 75 s: the garbage collector looks for new kinds each 30 s, and this may be the first team of a new cluster.
    eventually(lambda: not teams.all() and not teams.children(), 75, "deletion works while suspended")


def _assert_none(teams):
    assert not teams.children()


def test_orphaned_children_live_on_and_are_found_again(kube, operator, teams):
    spec = everything(deletionPolicy=ORPHAN)
    teams.apply("orphans", **spec)
    (team,) = eventually(lambda: teams.ready("orphans"))
    assert team["metadata"]["finalizers"] == ["incidentfox.io/team-operator"]
    before = {key: o["metadata"]["uid"] for key, o in teams.children().items()}
    teams.delete("orphans")
    eventually(lambda: not teams.all())

    def survived():
        children = teams.children()
        assert {key: o["metadata"]["uid"] for key, o in children.items()} == before
        assert not any(o["metadata"].get("ownerReferences") for o in children.values())

    survived()
    throughout(1, survived)
    restarted = pods(teams)
    teams.apply("orphans", **spec)
    eventually(lambda: teams.ready("orphans"))
    children = teams.children()
    assert {key: o["metadata"]["uid"] for key, o in children.items()} == before, "the same team takes them back"
    owner = teams.get("orphans")["metadata"]["uid"]
    assert all([r["uid"] for r in o["metadata"]["ownerReferences"]] == [owner] for o in children.values())
    assert pods(teams) == restarted
    teams.change("orphans", deletionPolicy={"children": "Delete"})
    eventually(lambda: not teams.get("orphans")["metadata"].get("finalizers"), what="no finalizer that is not needed")
    teams.delete("orphans")
    eventually(lambda: not teams.all() and not teams.children())


def test_a_team_that_wants_nothing_is_ready(operator, teams):
    teams.apply("nothing")
    (team,) = eventually(lambda: teams.ready("nothing"))
    assert not teams.children()
    assert {c["type"] for c in team["status"]["conditions"]} == {"Ready"}


def test_an_edit_made_while_the_operator_was_away_is_followed(kube, operator, teams):
    teams.apply("away", pipeline=scheduled("0 2 * * *"))
    teams.apply("leaving", pipeline=scheduled(), deletionPolicy=ORPHAN)
    eventually(lambda: teams.ready("away", "leaving"))
    operator.stop()
    teams.change("away", pipeline={"schedule": "0 6 * * *"})
    teams.delete("leaving")
    teams.apply("new", pipeline=scheduled("0 7 * * *"))
    assert kube.get(TEAM, teams.namespace, "leaving")["metadata"]["deletionTimestamp"]
    operator.start()
    eventually(lambda: teams.ready("away", "new"))
    eventually(lambda: teams.get("leaving") is None)
    schedules = {name: job["spec"]["schedule"] for (_, name), job in teams.children("CronJob").items()}
    assert schedules == {"ai-pipeline-acme-away": "0 6 * * *", "ai-pipeline-acme-new": "0 7 * * *",
                         "ai-pipeline-acme-leaving": "0 2 * * *"}


@pytest.mark.parametrize("org, node", [
    ("acme-corp", "checkout"), ("Acme", "Checkout"), ("acme", "a.b_c"), ("x" * 64, "y" * 128), ("-", "_"),
], ids=["dash", "case", "signs", "longest", "only-signs"])
def test_any_identity_that_the_schema_allows_can_be_served(operator, teams, org, node):
    teams.apply("identity", org=org, node=node, **everything())
    eventually(lambda: teams.ready("identity"))
    assert len(teams.children()) == 6
    for child in teams.children().values():
        assert child["metadata"]["annotations"]["incidentfox.io/org-id"] == org
        assert child["metadata"]["annotations"]["incidentfox.io/team-node-id"] == node
