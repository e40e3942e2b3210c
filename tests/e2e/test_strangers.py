"""Objects that belong to somebody else, teams that are claimed twice, and specs that should not exist."""

import concurrent.futures
import copy
import time

import pytest

from support.cluster import CRD_NAME
from support.kube import ApiError
from support.status_oracle import kstatus
from support.teams import Teams, condition, dedicated, everything, is_ready, reason, scheduled, team
from support.waiting import eventually, throughout

# The names that a team acme/taken with everything would use.
NAMES = {"CronJob": ["ai-pipeline-acme-taken", "dep-discovery-acme-taken"], "Deployment": ["agent-dedicated-acme-taken"],
         "Service": ["agent-dedicated-acme-taken"], "NetworkPolicy": ["agent-dedicated-acme-taken"],
         "PodDisruptionBudget": ["agent-dedicated-acme-taken"]}


def stranger(kind, namespace, name):
    """An object that has nothing to do with us."""
    labels = {"app": "strange"}
    container = {"name": "main", "image": "example.com/strange"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {
        "CronJob": {"schedule": "1 1 1 1 *", "jobTemplate": {"spec": {"template": {
            "metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}}}}},
        "Deployment": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        "Service": {"selector": labels, "ports": [{"port": 1}]},
        "NetworkPolicy": {"podSelector": {"matchLabels": labels}},
        "PodDisruptionBudget": {"maxUnavailable": 3, "selector": {"matchLabels": labels}},
    }[kind]
    api = {"CronJob": "batch/v1", "Deployment": "apps/v1", "Service": "v1", "NetworkPolicy": "networking.k8s.io/v1",
           "PodDisruptionBudget": "policy/v1"}[kind]
    return {"apiVersion": api, "kind": kind, "metadata": {"namespace": namespace, "name": name, "labels": labels}, "spec": spec}


def assert_untouched(before, after):
    assert after, "it is gone"
    for key in ("uid", "labels"):
        assert after["metadata"].get(key) == before["metadata"].get(key)
    assert "ownerReferences" not in after["metadata"] and "annotations" not in before["metadata"]
    assert after["spec"] == before["spec"]
    assert "team-operator" not in {m["manager"] for m in after["metadata"]["managedFields"]}


@pytest.mark.parametrize("kind, name", [(kind, name) for kind, names in NAMES.items() for name in names],
                         ids=lambda value: value if value[0].isupper() else value.split("-")[0])
def test_a_stranger_of_the_same_name_is_left_alone(kube, operator, teams, kind, name):
    foreign = kube.create(stranger(kind, teams.namespace, name))
    teams.apply("taken", **everything())

    def conflict():
        current = teams.get("taken")
        assert reason(current) == "Conflict", current.get("status")
        return current

    current = eventually(conflict)
    assert kstatus(current) == "Failed"
    said = condition(current, "Ready")["message"]
    assert kind in said and name in said
    # What does not concern the stranger is made all the same.
    eventually(lambda: len(teams.children()) == 5)
    assert_untouched(foreign, kube.get(kind, teams.namespace, name))
    kube.delete(kind, teams.namespace, name)
    eventually(lambda: teams.ready("taken"), what="the conflict clears")
    assert len(teams.children()) == 6


def test_a_stranger_that_somebody_else_controls_is_left_alone_though_it_has_our_labels(kube, operator, teams):
    teams.apply("taken", pipeline=scheduled())
    eventually(lambda: teams.ready("taken"))
    (mine,) = teams.children().values()
    teams.delete("taken")
    eventually(lambda: not teams.children())
    foreign = stranger("CronJob", teams.namespace, mine["metadata"]["name"])
    foreign["metadata"]["labels"] = mine["metadata"]["labels"]
    foreign["metadata"]["ownerReferences"] = [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "name": "app",
                                               "uid": "00000000-0000-0000-0000-000000000001", "controller": True}]
    # The garbage collector takes away what has an owner that never was; it does not know this kind, and so waits.
    before = kube.create(foreign)
    teams.apply("taken", pipeline=scheduled())
    eventually(lambda: reason(teams.get("taken")) == "Conflict")
    after = kube.get("CronJob", teams.namespace, mine["metadata"]["name"])
    assert after["metadata"]["uid"] == before["metadata"]["uid"] and after["spec"] == before["spec"]


@pytest.mark.minor
def test_a_stranger_that_appears_between_look_and_write_is_left_alone(kube, operator, teams, figure):
    """Strangers of the names of a team's children are created together with the team, or just when the operator, which has
    looked and found nothing, has made the first child. Either may come first."""
    count = 60
    made = {}

    def create_stranger(i):
        kind = ("CronJob", "Deployment", "Service")[i % 3]
        name = f"ai-pipeline-acme-race-{i}" if kind == "CronJob" else f"agent-dedicated-acme-race-{i}"
        if kind != "CronJob":
            eventually(lambda: kube.get("CronJob", teams.namespace, f"ai-pipeline-acme-race-{i}"), 60)
        try:
            made[i] = {"kind": kind} | kube.create(stranger(kind, teams.namespace, name))
        except ApiError as error:
            assert error.code == 409  # the operator was faster

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = []
        for i in range(count):
            spec = team(teams.namespace, f"race-{i}", pipeline=scheduled(), runtime=dedicated())
            pair = [pool.submit(kube.create, spec), pool.submit(create_stranger, i)]
            jobs += pair
        for job in jobs:
            job.result()
    figure(f"strangers that were first, of {count}", len(made))
    assert made

    def settled():
        for current in teams.all():
            i = int(current["metadata"]["name"].removeprefix("race-"))
            assert is_ready(current) if i not in made else reason(current) == "Conflict", (i in made, current.get("status"))
        return True

    eventually(settled, 60)
    for foreign in made.values():
        after = kube.get(foreign["kind"], teams.namespace, foreign["metadata"]["name"])
        if foreign["kind"] == "Deployment":  # its controller has written an annotation meanwhile
            foreign["metadata"].pop("annotations", None)
        assert_untouched(foreign, after)


def test_two_resources_for_one_team(kube, operator, namespaces):
    """The older one is served; the other says so, touches nothing, and takes over when that is gone."""
    here, there = Teams(kube, namespaces()), Teams(kube, namespaces())
    spec = {"org": "twice", "node": "same", "pipeline": scheduled("0 1 * * *"), "runtime": dedicated()}
    first = here.apply("first", **spec)["metadata"]["creationTimestamp"]
    eventually(lambda: here.ready("first"))
    eventually(lambda: now() > first)  # of two that are made in one second the uid decides; here time is to tell
    spec["pipeline"] = scheduled("0 9 * * *")
    here.apply("second", **spec)
    eventually(lambda: reason(here.get("second")) == "DuplicateTeam")
    second = here.get("second")["metadata"]["creationTimestamp"]
    eventually(lambda: now() > second)
    there.apply("third", **spec)
    eventually(lambda: reason(there.get("third")) == "DuplicateTeam")
    for waiting in (here.get("second"), there.get("third")):
        assert f"{here.namespace}/first" in condition(waiting, "Ready")["message"]
        assert condition(waiting, "Stalled")["status"] == "True"
        assert "inventory" not in waiting["status"] or waiting["status"]["inventory"] == []
    assert not there.children()
    before = {key: o["metadata"]["uid"] for key, o in here.children().items()}
    (job,) = here.children("CronJob").values()
    assert job["spec"]["schedule"] == "0 1 * * *"
    # A change of the duplicate changes nothing; one of the owner does.
    here.change("second", pipeline={"schedule": "0 10 * * *"})
    throughout(0.5, lambda: _assert_schedule(here, "0 1 * * *"))

    here.delete("first")
    eventually(lambda: here.ready("second"), what="the next in line takes over")
    eventually(lambda: {r["uid"] for o in here.children().values() for r in o["metadata"]["ownerReferences"]}
               == {here.get("second")["metadata"]["uid"]})
    eventually(lambda: here.children().keys() == before.keys())
    _assert_schedule(here, "0 10 * * *")
    eventually(lambda: f"{here.namespace}/second" in condition(there.get("third"), "Ready")["message"])
    here.delete("second")
    eventually(lambda: there.ready("third"))
    eventually(lambda: not here.children())
    assert there.children().keys() == before.keys()


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _assert_schedule(teams, schedule):
    assert [job["spec"]["schedule"] for job in teams.children("CronJob").values()] == [schedule]


def test_a_secret_that_the_platform_does_not_give(operator, teams):
    env = [{"name": "STOLEN", "valueFrom": {"secretKeyRef": {"name": "config-service-admin", "key": "token"}}}]
    teams.apply("curious", runtime=dedicated(env=env))

    def refused():
        current = teams.get("curious")
        assert reason(current) == "InvalidSpec", current.get("status")
        return current

    said = condition(eventually(refused), "Ready")["message"]
    assert "spec.runtime.dedicated.env[0].valueFrom.secretKeyRef.name" in said and "config-service-admin" in said
    assert not teams.children()
    teams.change("curious", runtime={"dedicated": {"env": None}})
    eventually(lambda: teams.ready("curious"))


@pytest.fixture
def lax_schema(kube, operator):
    """The CRD without its rules: as if somebody had edited it, or an older one were installed."""
    crd = kube.get("CustomResourceDefinition", None, CRD_NAME)
    lax = copy.deepcopy(crd)

    def relax(schema):
        for key in ("x-kubernetes-validations", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength"):
            schema.pop(key, None)
        for child in schema.get("properties", {}).values():
            relax(child)
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                relax(schema[key])

    relax(lax["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"])
    path = kube.path("CustomResourceDefinition", None, CRD_NAME)
    kube.call("PUT", path, lax)

    def restore():
        live = kube.get("CustomResourceDefinition", None, CRD_NAME)
        live["spec"] = crd["spec"]
        kube.call("PUT", path, live)

    yield restore
    restore()


BAD = {
    "spec.orgId": {"org": "../admin"},
    "spec.pipeline.schedule": {"pipeline": {"schedule": "61 * * * *"}},
    "spec.pipeline.timeZone": {"pipeline": {"schedule": "1 * * * *", "timeZone": "../../etc/passwd"}},
    "spec.runtime.dedicated.containerPort": {"runtime": {"mode": "Dedicated", "dedicated": {"containerPort": 8081}}},
    "spec.runtime.mode": {"runtime": {"mode": "OnDemand"}},
}


def test_a_spec_that_got_past_the_schema_is_stalled_with_the_fields_path(kube, operator, teams, lax_schema):
    def create_all():  # the API server takes a moment to forget its rules
        try:
            for i, spec in enumerate(BAD.values()):
                kube.apply(team(teams.namespace, f"bad-{i}", **spec))
        except ApiError as error:
            raise AssertionError(str(error)) from error
        return True

    eventually(create_all)

    def all_stalled():
        for i, path in enumerate(BAD):
            current = teams.get(f"bad-{i}")
            assert reason(current) == "InvalidSpec", current.get("status")
            assert path in condition(current, "Stalled")["message"]
        return True

    eventually(all_stalled)
    assert not teams.children()
    lax_schema()
    teams.change("bad-1", pipeline={"schedule": "1 * * * *"})
    eventually(lambda: teams.ready("bad-1"))
    teams.apply("good", pipeline=scheduled())  # and the watch has survived two changes of the schema
    eventually(lambda: teams.ready("good"))
