"""AgentReleases: teams move by name or follow the default, at a bounded rate; one that fails is taken back by itself."""

import itertools
import time

import pytest

from support.cluster import OwnCluster
from support.kube import APPLY, TEAM, TEAM_API
from support.operator_process import OperatorProcess
from support.status_oracle import StatusOracle
from support.teams import Teams, condition, dedicated, is_ready, reason, scheduled
from support.waiting import eventually, throughout

NAMESPACE = "releases"
DEFAULT = "incidentfox.io/is-default-release"
RATE = 600  # teams a minute that follow the default


@pytest.fixture(scope="module")
def fleet_cluster(state):
    with OwnCluster(state / "releases-cluster") as cluster:
        cluster.install_chart()
        for name in (NAMESPACE, "fleet"):
            cluster.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        no_pods_of_the_broken_image(cluster.kube)
        oracle = StatusOracle(cluster.kube)
        operator = OperatorProcess(cluster, state / "releases-operator", resync_interval="10h", release_rollout_rate=str(RATE)).start()
        yield cluster
        operator.close()
        oracle.stop()
        assert oracle.judged > 0


def no_pods_of_the_broken_image(kube):
    """A release whose pods never become ready: they are not even admitted."""
    spec = {"matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
            "validations": [{"expression": "!object.spec.containers.exists(c, c.image.contains('broken'))", "message": "this image does not start"}]}
    api = "admissionregistration.k8s.io/v1"
    for obj in ({"kind": "ValidatingAdmissionPolicy", "metadata": {"name": "no-broken"}, "spec": spec | {"failurePolicy": "Fail"}},
                {"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "no-broken"},
                 "spec": {"policyName": "no-broken", "validationActions": ["Deny"]}}):
        plural = "validatingadmissionpolic" + ("ybindings" if obj["kind"].endswith("Binding") else "ies")
        kube.call("PATCH", f"apis/{api}/{plural}/no-broken", {"apiVersion": api} | obj, APPLY, {"fieldManager": "tests", "force": "true"})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": NAMESPACE},
           "spec": {"containers": [{"name": "a", "image": "broken"}]}}
    path = f"api/v1/namespaces/{NAMESPACE}/pods"
    eventually(lambda: kube.request("POST", path, pod, query={"dryRun": "All"})[0] in (403, 422), 30, "the policy is in effect")


class Releases:
    def __init__(self, kube):
        self.kube = kube

    def make(self, name, default=None, image=None, **spec):
        marks = {} if default is None else {DEFAULT: str(default).lower()}
        return self.kube.apply({"apiVersion": TEAM_API, "kind": "AgentRelease", "metadata": {"name": name, "annotations": marks},
                                "spec": {"agentImage": image or f"registry.example.com/agent:{name}"} | spec})

    def mark(self, name, default):
        self.kube.merge("AgentRelease", None, name, {"metadata": {"annotations": {DEFAULT: "true" if default else None}}})

    def status(self, name):
        return self.kube.get("AgentRelease", None, name)["status"]


@pytest.fixture
def releases(fleet_cluster):
    made = Releases(fleet_cluster.kube)
    yield made
    for release in made.kube.list("AgentRelease"):
        made.kube.delete("AgentRelease", None, release["metadata"]["name"])


@pytest.fixture
def teams(fleet_cluster):
    made = Teams(fleet_cluster.kube, NAMESPACE)
    yield made
    made.delete_all()
    eventually(lambda: not made.all())


def image(teams, name):
    return teams.kube.get("Deployment", teams.namespace, f"agent-dedicated-acme-{name}")["spec"]["template"]["spec"]["containers"][0]["image"]


def runs(teams, name, release, ready=True):
    found = teams.get(name)
    assert found["status"].get("activeRelease") == release, found["status"]
    assert image(teams, name) == f"registry.example.com/agent:{release}"
    assert not ready or is_ready(found), found["status"]
    return found


def test_another_name_is_an_upgrade_and_the_former_a_rollback(teams, releases):
    releases.make("v1", pipelineImage="registry.example.com/pipeline:v1", env=[{"name": "MODEL", "value": "small"}])
    releases.make("v2", containerPort=9000)
    teams.apply("named", release="v1", runtime=dedicated(), pipeline=scheduled())
    first = eventually(lambda: runs(teams, "named", "v1"))
    assert "previousRelease" not in first["status"] and first["status"]["serviceUrl"].endswith(":8080")
    job = teams.kube.get("CronJob", NAMESPACE, "ai-pipeline-acme-named")
    assert job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/pipeline:v1"
    teams.change("named", release="v2")
    second = eventually(lambda: runs(teams, "named", "v2"))
    assert second["status"]["previousRelease"] == "v1" and second["status"]["releaseRollout"] == {"phase": "Complete"}
    assert second["status"]["serviceUrl"].endswith(":9000")
    teams.change("named", release="v1")  # by hand: one field
    eventually(lambda: runs(teams, "named", "v1"))
    shown = teams.kube.kubectl("get", "tprov", "named", "-n", NAMESPACE).splitlines()
    assert "RELEASE" in shown[0] and " v1 " in shown[1]


def test_a_release_that_fails_is_taken_back_and_says_why(teams, releases):
    releases.make("v1")
    releases.make("broken", progressDeadline="10s")
    teams.apply("careful", release="v1", runtime=dedicated())
    eventually(lambda: runs(teams, "careful", "v1"))
    teams.change("careful", release="broken")
    eventually(lambda: reason(teams.get("careful")) == "Upgrading")
    back = eventually(lambda: reason(teams.get("careful")) == "RolledBack" and runs(teams, "careful", "v1", ready=False), 60)
    assert back["status"]["releaseRollout"]["failedRelease"] == "broken" and back["status"]["previousRelease"] == "v1"
    assert condition(back, "Stalled")["status"] == "True"
    said = condition(back, "Ready")["message"]
    assert "AgentRelease broken" in said and "AgentRelease v1" in said and "deadline" in said
    eventually(lambda: condition(teams.get("careful"), "AgentAvailable")["status"] == "True")
    # It stays there, and what it has stays looked after.
    teams.kube.delete("Service", NAMESPACE, "agent-dedicated-acme-careful")
    eventually(lambda: teams.kube.get("Service", NAMESPACE, "agent-dedicated-acme-careful"))
    throughout(1, lambda: runs(teams, "careful", "v1", ready=False))
    eventually(lambda: releases.status("broken")["failedTeams"] == 1)
    teams.change("careful", release="v1")
    fine = eventually(lambda: runs(teams, "careful", "v1"))
    assert fine["status"]["releaseRollout"] == {"phase": "Complete"}


def test_a_release_that_is_not_there(teams, releases):
    teams.apply("early", release="later", runtime=dedicated())
    eventually(lambda: reason(teams.get("early")) == "ReleaseNotFound")
    assert not [name for _, name in teams.children() if "early" in name]
    releases.make("later")
    eventually(lambda: runs(teams, "early", "later"))
    teams.change("early", release="never")
    eventually(lambda: reason(teams.get("early")) == "ReleaseNotFound")
    runs(teams, "early", "later", ready=False)


def test_the_spec_of_a_release_does_not_change(releases):
    releases.make("fixed")
    status, body = releases.kube.request("PATCH", releases.kube.path("AgentRelease", None, "fixed"), {"spec": {"agentImage": "other"}},
                                         "application/merge-patch+json")
    assert status == 422 and "a release does not change" in str(body)


def test_the_fleet_follows_the_default_at_the_rate(fleet_cluster, releases):
    teams, count = Teams(fleet_cluster.kube, "fleet"), 200
    releases.make("v1", default=True)
    releases.make("v2")
    for i in range(count):
        teams.apply(f"t{i}", pipeline=scheduled(), **({"runtime": dedicated()} if i % 20 == 0 else {}))
    eventually(lambda: teams.ready(), 60)
    eventually(lambda: releases.status("v1") == {"observedGeneration": 1, "default": True, "teams": count, "wantedTeams": count,
                                                 "progressingTeams": 0, "failedTeams": 0})
    shown = fleet_cluster.kube.kubectl("get", "arel", "v1").splitlines()
    assert shown[0].split()[:5] == ["NAME", "DEFAULT", "TEAMS", "WANTED", "FAILED"] and shown[1].split()[:5] == ["v1", "true", "200", "200", "0"]

    begun = time.monotonic()
    releases.mark("v2", True)  # the newest counts, and at no time is there none
    releases.mark("v1", False)
    moved = {}  # team -> when it was first seen on v2
    looks = [0.0]

    def all_moved():
        looks.append(time.monotonic() - begun)
        for team in teams.all():
            if team["status"].get("activeRelease") == "v2":
                moved.setdefault(team["metadata"]["name"], time.monotonic() - begun)
        assert len(moved) == count, len(moved)
        return teams.ready()

    eventually(all_moved, 90)
    # Never more in any time than the rate allows (and one at once, and the time between two looks, of which some are late).
    times = sorted(moved.values())
    between = max(after - before for before, after in itertools.pairwise(looks)) + 2
    for i in range(0, count, 20):
        for j in range(i + 20, count, 20):
            assert (times[j] - times[i] + between) * RATE / 60 >= j - i, (i, j, times[i], times[j])
    print(f"200 teams follow the default at {RATE} a minute: {times[-1]:.1f} s")
    assert {t["status"].get("previousRelease") for t in teams.all()} == {"v1"}
    eventually(lambda: (releases.status("v2")["teams"], releases.status("v1")["teams"]) == (count, 0))

    # A default that fails stops by itself: as many as may fail are put back, and no other follows.
    releases.make("broken", progressDeadline="10s")
    releases.mark("broken", True)
    releases.mark("v2", False)
    eventually(lambda: releases.status("broken")["failedTeams"] >= 3 and releases.status("broken")["progressingTeams"] == 0, 90)
    on_v2 = [t for t in teams.all() if t["status"]["activeRelease"] == "v2"]
    assert len([t for t in on_v2 if reason(t) == "RolledBack"]) == releases.status("broken")["failedTeams"] <= 10
    teams.delete_all()
    eventually(lambda: not fleet_cluster.kube.list(TEAM, "fleet"), 60)
