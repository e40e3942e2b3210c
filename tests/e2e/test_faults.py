"""A control plane that fails in all the ways it can, and an operator that is killed: it converges each time, by itself.

Kubernetes promises nothing about how soon; our own measure is that an edit is followed within FOLLOWS seconds of the API
server's return. The figures are reported, the bound that is asserted is generous.
"""

import concurrent.futures
import itertools

import pytest

from support.cluster import CRD_NAMES, CRDS
from support.kube import TEAM, TEAM_API, ApiError, Unreachable
from support.operator_process import OperatorProcess
from support.status_oracle import StatusOracle
from support.teams import Teams, condition, dedicated, is_ready, reason, scheduled, team
from support.waiting import Stopwatch, eventually, throughout

pytestmark = pytest.mark.fault

BOUND = 30  # seconds; expected are 5
MINUTES = itertools.count(1)
AWAY = (r"connect", r"refused", r"reset", r"closed", r"timed? ?out", r"deadline", r"unavailable", r"Unavailable", r"etcd", r"shut",
        r"Too many requests", r"5\d\d", r"429", r"[Ee]nd of", r"not found", r"404")


@pytest.fixture(scope="module")
def oracle(broken):
    oracle = StatusOracle(broken.kube)
    yield oracle
    oracle.stop()


@pytest.fixture(scope="module")
def operator(broken, oracle, state):
    operator = OperatorProcess(broken, state / "operator-faults", resync_interval="10h")
    operator.expect_errors(*AWAY)
    operator.start()
    yield operator
    operator.close()


@pytest.fixture
def teams(broken, request):
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50]
    broken.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    teams = Teams(broken.kube, name)
    yield teams
    insist(teams.delete_all)


def insist(request):
    """Repeats a request until there is an API server that grants it; its answer."""
    def attempt():
        try:
            return [request()]
        except Unreachable as error:
            raise AssertionError(str(error)) from error
        except ApiError as error:
            assert error.code not in (408, 409, 429, 500, 502, 503, 504), str(error)
            raise

    return eventually(attempt, 60)[0]


def follows(teams, name, figure, what):
    """Changes the team's schedule as soon as the API server grants it, and sees the operator follow."""
    schedule = f"{next(MINUTES)} 0 * * *"
    insist(lambda: teams.change(name, pipeline={"schedule": schedule}))
    watch = Stopwatch()

    def followed():
        jobs = insist(lambda: teams.children("CronJob"))
        assert schedule in [job["spec"]["schedule"] for job in jobs.values()]
        return True

    eventually(followed, 60)
    seconds = float(watch)
    figure(f"{what}: an edit is followed after", seconds, "s")
    assert seconds < BOUND
    eventually(lambda: teams.ready(name))


def release(kube, name, image):
    """Makes an AgentRelease."""
    kube.apply({"apiVersion": TEAM_API, "kind": "AgentRelease", "metadata": {"name": name}, "spec": {"agentImage": image}})


def runs(teams, name, image):
    found = teams.get(name)
    agent = teams.kube.get("Deployment", teams.namespace, f"agent-dedicated-acme-{name}")
    assert agent["spec"]["template"]["spec"]["containers"][0]["image"] == image and is_ready(found), found["status"]
    return found


def test_killed_while_a_hundred_teams_are_made(broken, operator, teams, figure):
    kube, count = broken.kube, 100

    def make(i):
        runtime = {"runtime": dedicated()} if i % 5 == 0 else {}
        kube.create(team(teams.namespace, f"team-{i:03}", pipeline=scheduled(), **runtime))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(make, i) for i in range(count)]
        eventually(lambda: len(teams.children("CronJob")) >= 30)
        operator.kill()
        for job in jobs:
            job.result()
    half = len(teams.children("CronJob"))
    assert 30 <= half < count, "it was killed too late to prove anything"
    watch = Stopwatch()
    operator.start()
    eventually(lambda: len(teams.ready()) == count, 60)
    figure(f"killed after {half} of {count} teams, started again, all Ready", float(watch), "s")
    assert len(teams.children("CronJob")) == count
    assert len(teams.children("Deployment")) == len(teams.children("Service")) == count / 5
    owners = {t["metadata"]["uid"] for t in teams.all()}
    assert {r["uid"] for o in teams.children().values() for r in o["metadata"]["ownerReferences"]} == owners


def test_the_api_server_restarts(broken, operator, teams, figure):
    teams.apply("team", pipeline=scheduled())
    eventually(lambda: teams.ready("team"))
    broken.word("stop", "kube-apiserver")
    eventually(lambda: operator.assert_running() or operator.probe("/healthz") == 200)
    broken.word("start", "kube-apiserver")
    follows(teams, "team", figure, "API server stopped and started")
    broken.word("kill", "kube-apiserver")
    throughout(5, operator.assert_running)
    broken.word("start", "kube-apiserver")
    follows(teams, "team", figure, "API server killed, away for 5 s")
    operator.wait_until_ready()


def test_everything_that_was_handed_out_has_expired(broken, operator, teams, figure):
    teams.apply("team", pipeline=scheduled())
    eventually(lambda: teams.ready("team"))
    broken.word("expire")
    follows(teams, "team", figure, "resourceVersions expired")
    operator.assert_running()


def test_etcd_hangs_for_twenty_seconds(broken, operator, teams, figure):
    teams.apply("team", pipeline=scheduled())
    eventually(lambda: teams.ready("team"))
    broken.word("pause", "etcd")
    try:
        def alive():
            operator.assert_running()
            assert operator.probe("/healthz") == 200

        throughout(20, alive)
    finally:
        broken.word("resume", "etcd")
    follows(teams, "team", figure, "etcd paused for 20 s")


def test_etcd_is_restored_from_a_backup(broken, operator, teams, figure):
    """resourceVersions go back: what the operator remembers is in the future, and partly never was."""
    teams.apply("kept", pipeline=scheduled("0 1 * * *"))
    teams.apply("deleted", pipeline=scheduled())
    release(broken.kube, "before", "agent:before")
    teams.apply("agent", release="before", runtime=dedicated())
    eventually(lambda: teams.ready("kept", "deleted") and runs(teams, "agent", "agent:before"))
    broken.word("snapshot", "backup")
    insist(lambda: teams.change("kept", pipeline={"schedule": "0 2 * * *"}))
    insist(lambda: teams.delete("deleted"))
    for i in range(20):
        insist(lambda name=f"never-{i}": teams.apply(name, pipeline=scheduled()))
    release(broken.kube, "never", "agent:never")
    eventually(lambda: len(teams.ready()) == 22 and len(teams.children("CronJob")) == 21)
    broken.word("restore", "backup")
    follows(teams, "kept", figure, "etcd restored from a backup")
    eventually(lambda: teams.ready("kept", "deleted") and runs(teams, "agent", "agent:before"))
    assert len(teams.all()) == 3
    eventually(lambda: {name for _, name in teams.children("CronJob")} == {"ai-pipeline-acme-kept", "ai-pipeline-acme-deleted"})
    broken.kube.delete("CronJob", teams.namespace, "ai-pipeline-acme-deleted")
    eventually(lambda: len(teams.children("CronJob")) == 2, what="drift is seen again")
    insist(lambda: teams.apply("new", pipeline=scheduled()))
    eventually(lambda: teams.ready("new"))
    # Releases as well: what never was is forgotten, what is new is seen.
    teams.change("agent", release="never")
    eventually(lambda: reason(teams.get("agent")) == "ReleaseNotFound")
    release(broken.kube, "never", "agent:after-all")
    eventually(lambda: runs(teams, "agent", "agent:after-all"))


@pytest.fixture
def definitions(broken):
    """Whatever a test does to the definitions, the next one finds them in place."""
    yield
    define(broken)


def define(broken):
    broken.kube.kubectl("apply", "--server-side", *(f"--filename={path}" for path in CRDS))
    broken.wait_for_crd()


def undefine(kube):
    for name in CRD_NAMES:
        kube.delete("CustomResourceDefinition", None, name)
        eventually(lambda gone=name: kube.get("CustomResourceDefinition", None, gone) is None)


def test_the_definitions_are_missing_at_the_start(broken, operator, teams, definitions, figure):
    kube = broken.kube
    operator.stop()
    undefine(kube)
    operator.start(wait=False)

    def waiting():
        operator.assert_running()
        code, text = operator.fetch("health-probe", "/readyz")
        assert operator.probe("/healthz") == 200 and code == 503
        assert "not synced: teamprovisionings (" in text and "not synced: agentreleases (" in text

    eventually(lambda: waiting() or True)
    throughout(3, waiting)
    define(broken)
    watch = Stopwatch()
    release(kube, "late", "agent:late")
    teams.apply("team", pipeline=scheduled(), release="late", runtime=dedicated())
    eventually(lambda: runs(teams, "team", "agent:late"))
    figure("definitions made while the operator waits: Ready after", float(watch), "s")
    operator.wait_until_ready()
    # And they may go while the operator runs. Whether the children go too is the garbage collector's affair: it looks for kinds
    # each 30 s, and takes nothing whose owner is of a kind that it has not seen.
    undefine(kube)
    define(broken)
    release(kube, "again", "agent:again")
    teams.apply("team", pipeline=scheduled(), release="again", runtime=dedicated())
    eventually(lambda: runs(teams, "team", "agent:again"))


def test_rights_that_are_missing_are_said_and_waited_for(broken, operator, teams):
    """Rights that are taken away and given back: nothing but waiting is needed."""
    kube = broken.kube
    teams.apply("before", pipeline=scheduled())
    eventually(lambda: teams.ready("before"))
    role = kube.get("ClusterRole", None, "team-operator")
    operator.expect_errors("forbidden", "Forbidden", "403")
    kube.merge("ClusterRole", None, "team-operator", {"rules": [r for r in role["rules"] if r["resources"] != ["cronjobs"]]})
    teams.apply("after", pipeline=scheduled())

    def said():
        about = condition(teams.get("after"), "Ready")
        assert about.get("status") == "False" and "cronjobs" in about["message"], about
        return True

    eventually(said)
    kube.merge("ClusterRole", None, "team-operator", {"rules": role["rules"]})
    eventually(lambda: teams.ready("after"))
    assert {t["metadata"]["name"] for t in kube.list(TEAM, teams.namespace)} == {"before", "after"}
