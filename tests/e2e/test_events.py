"""What people hear of a team without asking: Events, as kubectl shows them."""

from support.provisioning import annotate
from support.teams import condition, dedicated, reason, scheduled
from support.waiting import eventually


def events(teams, name):
    return [e for e in teams.kube.list("Event", teams.namespace) if e["regarding"]["name"] == name]


def stranger(namespace, name):
    """A Service that has nothing to do with us."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name}, "spec": {"ports": [{"port": 1}]}}


def again(teams, name, value):
    """Has the team looked at once more, and waits until that is done."""
    annotate(teams, name, requested_at=value)
    eventually(lambda: teams.get(name)["status"]["lastHandledReconcileAt"] == value)


def test_a_conflict_is_one_warning_with_a_growing_series(kube, operator, teams):
    kube.create(stranger(teams.namespace, "agent-dedicated-acme-taken"))
    teams.apply("taken", runtime=dedicated())
    current = eventually(lambda: reason(teams.get("taken")) == "Conflict" and teams.get("taken"))
    for look in ("1", "2", "3"):
        again(teams, "taken", look)

    def series():
        (event,) = events(teams, "taken")
        return event if "series" in event else None

    event = eventually(series)
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "Conflict", "Reconcile")
    assert event["note"] == condition(current, "Ready")["message"]
    assert event["reportingController"] == "incidentfox.io/team-operator"
    assert event["regarding"]["uid"] == current["metadata"]["uid"]
    assert event["series"]["count"] >= 2
    shown = kube.kubectl("get", "events", "-n", teams.namespace)
    assert "Conflict" in shown and "teamprovisioning/taken" in shown
    told = kube.kubectl("describe", "tprov", "taken", "-n", teams.namespace)
    assert "Conflict" in told[told.index("Events:"):]
    # What was only counted is written when the operator ends.
    operator.stop()
    try:
        (last,) = events(teams, "taken")
        assert last["metadata"]["uid"] == event["metadata"]["uid"] and last["series"]["count"] >= 4
    finally:
        operator.start()


def test_a_team_that_becomes_ready_says_so_once(kube, operator, teams):
    teams.apply("told", pipeline=scheduled())
    eventually(lambda: teams.ready("told"))
    (event,) = eventually(lambda: events(teams, "told"))
    assert (event["type"], event["reason"]) == ("Normal", "Provisioned")
    # Neither a look that finds everything in place nor a repair is news.
    again(teams, "told", "1")
    kube.merge("CronJob", teams.namespace, "ai-pipeline-acme-told", {"spec": {"schedule": "1 1 1 1 *"}})
    eventually(lambda: kube.get("CronJob", teams.namespace, "ai-pipeline-acme-told")["spec"]["schedule"] == scheduled()["schedule"])
    again(teams, "told", "2")
    # An Event of another team goes the same way, and comes after.
    teams.apply("next", pipeline=scheduled())
    eventually(lambda: events(teams, "next"))
    assert [e["metadata"]["uid"] for e in events(teams, "told")] == [event["metadata"]["uid"]]
    assert "series" not in events(teams, "told")[0]
