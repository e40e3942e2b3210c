"""The operator dies before and after each of its calls to the services around the cluster, and nothing is doubled or lost.

The calls to the API server are part of the simulation (tests/unit/simulation), which does the same for every call.
"""

import pytest

from support.kube import TEAM
from support.provisioning import ORG, ServiceSide, annotate, held_token, operator_process
from support.teams import Teams, scheduled
from support.waiting import eventually

MODES = ("drop", "cut")  # before the service has done it, and after


class Story:
    """One change of a team, whose calls are the same each time."""

    def __init__(self, name, prepare, act, done):
        self.name, self.prepare, self.act, self.done = name, prepare, act, done

    def __repr__(self):
        return self.name


SPEC = {"config": {"entrance_agent": "planner", "limits": {"runs": 5}}, "pipeline": scheduled(), "token": {"gracePeriod": "0s"},
        "driftInterval": "1h", "deletionPolicy": {"config": "Clear"}}


def routing(name):
    return {"slackChannelIds": [f"C0{name}"]}


def made(teams, name):
    (ready,) = teams.ready(name)
    return ready


def rotated(teams, name):
    assert teams.get(name)["status"]["token"].get("lastHandledRotation") == "now" and not teams.get(name)["status"]["token"].get("retiring")
    return made(teams, name)


def gone(teams, name):
    return teams.get(name) is None


STORIES = (
    Story("made", lambda teams, name: None, lambda teams, name: teams.apply(name, **SPEC, routing=routing(name)), made),
    Story("rotated", lambda teams, name: teams.apply(name, **SPEC, routing=routing(name)),
          lambda teams, name: annotate(teams, name, rotate_token="now"), rotated),
    Story("gone", lambda teams, name: teams.apply(name, **SPEC, routing=routing(name)), lambda teams, name: teams.delete(name), gone),
)


@pytest.fixture
def operator(platform_cluster, services, state):
    operator = operator_process(platform_cluster, state / "operator-crashes", services)
    operator.expect_errors("config service", "AI pipeline")
    yield operator
    services.config_service.faults()
    services.pipeline.faults()
    operator.close()


@pytest.fixture
def teams(platform_cluster, request):
    name = f"crash-{request.param.name}"
    platform_cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield Teams(platform_cluster.kube, name)
    for team in platform_cluster.kube.list(TEAM, name):  # the operator has ended: nobody else would
        platform_cluster.kube.merge(TEAM, name, team["metadata"]["name"], {"metadata": {"finalizers": None}})
    platform_cluster.kube.call("DELETE", platform_cluster.kube.path(TEAM, name))


def calls_about(services, name):
    """Of both services, in the order in which they came: (service, call)."""
    found = [(services.config_service, c) for c in services.config_service.calls(brief=True) if c["node"] == name]
    found += [(services.pipeline, c) for c in services.pipeline.calls(f"/{name}($|/)", brief=True)]
    return sorted(found, key=lambda f: f[1]["at"])


@pytest.mark.parametrize("teams", STORIES, ids=repr, indirect=True)
def test_a_crash_at_every_call(teams, operator, services, request, figure):
    story = request.node.callspec.params["teams"]
    operator.start()
    story.prepare(teams, "pattern")
    if teams.get("pattern"):
        eventually(lambda: teams.ready("pattern"))
    before = len(calls_about(services, "pattern"))
    story.act(teams, "pattern")
    eventually(lambda: story.done(teams, "pattern"))
    pattern = [where for where, _ in calls_about(services, "pattern")][before:]
    figure(f"calls until a team is {story.name}", len(pattern), "")
    assert len(pattern) >= 4

    assert story.name != "made" or any(call["path"].endswith("/nodes") for _, call in calls_about(services, "pattern"))
    cases = [(i, mode) for i in range(len(pattern)) for mode in MODES]
    names = {case: f"{story.name}-{case[0]}-{case[1]}" for case in cases}
    for name in names.values():
        story.prepare(teams, name)
    if teams.get(next(iter(names.values()))):
        eventually(lambda: teams.ready(*names.values()), 60)
    operator.stop()

    for (index, mode), name in names.items():
        where, nth = pattern[index], pattern[:index].count(pattern[index])
        match = {"node": f"^{name}$"} if where is services.config_service else {"path": f"/{name}($|/)"}
        where.faults({"match": match, "skip": nth, "times": 1, "do": mode})
        hurt = {"drop": "dropped", "cut": "cut"}[mode]
        operator.start(wait=False)
        story.act(teams, name)
        eventually(lambda n=name, h=hurt: any(c["status"] == h for _, c in calls_about(services, n)), 60,
                   f"{name}: call {index} of {len(pattern)}")
        operator.kill()
        where.faults()

    operator.start()
    for name in names.values():
        eventually(lambda n=name: story.done(teams, n), 60, f"{name} comes to its end")
        side, pattern_side = ServiceSide(services, name), ServiceSide(services, "pattern")
        if story.name == "gone":
            assert side.live_tokens() == set(), name
        else:
            eventually(lambda s=side, n=name: s.live_tokens() == {held_token(teams, n)[0]}, 60, f"{name}: one live token, in the Secret")
            assert len({dict(c["headers"])["Idempotency-Key"] for c in side.bootstraps()}) == 1, name
        assert len(side.nodes()) == 1, name
        assert str(side.config()).replace(name, "pattern") == str(pattern_side.config()), name
        assert [node["parent_id"] for node in side.nodes()] == [ORG], name
