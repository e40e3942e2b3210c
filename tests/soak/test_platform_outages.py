"""Minutes of every fault of the Config Service, with teams that are made, changed and deleted meanwhile.

TP_SOAK_SECONDS: how long each fault lasts.
"""

import itertools
import os

import pytest

from support.cluster import OwnCluster
from support.kube import ApiError, Unreachable
from support.provisioning import SEED, ServiceSide, annotate, held_token, install, operator_process
from support.stubs import StubServices
from support.teams import Teams, scheduled
from support.waiting import Stopwatch, eventually, throughout

SECONDS = int(os.environ.get("TP_SOAK_SECONDS", "180"))
TEAMS = 60
WRITES = "^(POST|PUT)$"
FAULTS = {
    "slow": {"delay": 5},
    "500": {"status": 500},
    "429": {"status": 429, "headers": {"Retry-After": "5"}},
    "401": {"status": 401},
    "garbage": {"do": "garbage"},
    "commits late": {"match": {"method": WRITES}, "commit_delay": 20},
    "commits never": {"match": {"method": WRITES}, "commit_fails": True},
    "loses updates": {"match": {"method": "^PUT$"}, "race": 1},
    "no answer": {"delay": 3600},
}

pytestmark = pytest.mark.timeout(len(FAULTS) * (SECONDS + 400))


@pytest.fixture(scope="module")
def broken(state):
    with OwnCluster(state / "soak-platform") as cluster:
        install(cluster)
        yield cluster


@pytest.fixture(scope="module")
def world(broken, state):
    with StubServices(state / "soak-services", SEED) as services:
        broken.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "soak"}})
        operator = operator_process(broken, state / "operator-soak", services, drift_interval="30s", deletion_give_up="10h")
        operator.expect_errors("config service", "AI pipeline")
        yield Teams(broken.kube, "soak"), services, operator.start()
        services.config_service.faults()
        operator.close()


def spec(i, version=0):
    return {"routing": {"slackChannelIds": [f"C0{i}", f"C0{i}-{version}"]}, "config": {"version": version}, "pipeline": scheduled(),
            "token": {"gracePeriod": "0s"}}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_everything_converges_after(world, fault):
    teams, services, operator = world
    before, new = [f"team-{i}" for i in range(TEAMS)], f"new-{list(FAULTS).index(fault)}"
    for i, name in enumerate(before):
        teams.apply(name, **spec(i))
    eventually(lambda: teams.ready(*before), 300)
    services.config_service.faults(FAULTS[fault])
    calls, versions, watch = len(services.config_service.calls(brief=True)), itertools.count(1), Stopwatch()
    changed = {}

    def people_go_on():
        version = next(versions)
        i = version % TEAMS
        if i and version % 5 == 0:
            changed[i] = version
            teams.apply(before[i], **spec(i, version))
        if version == 10:
            teams.apply(new, **spec(new), runtime={"mode": "Shared"})
        if version == 20:
            teams.delete(before[0])

    throughout(SECONDS, people_go_on)
    made = len(services.config_service.calls(brief=True)) - calls
    # Teams x drift checks x a handful of calls is what a healthy service gets.
    assert made < (TEAMS + 1) * (float(watch) / 30 + 2) * 30, f"{made} calls in {float(watch):.0f} s"
    services.config_service.faults()
    names = [*before[1:], new]
    eventually(lambda: teams.ready(*names), 600)
    eventually(lambda: teams.get(before[0]) is None, 600)
    for i, version in changed.items():
        assert ServiceSide(services, before[i]).config()["version"] == version
    for name in names:
        eventually(lambda n=name: ServiceSide(services, n).live_tokens() == {held_token(teams, n)[0]}, 120, f"{name}: one live token")
    assert ServiceSide(services, before[0]).live_tokens() == set()
    operator.assert_running()


def test_etcd_is_restored_from_a_backup(broken, world):
    """The Secret comes back with a token that has been revoked since, and what is remembered of Secrets is in the future."""
    teams, services, operator = world
    operator.expect_errors(r".")  # whatever a server says that goes and comes back
    teams.apply("restored", token={"gracePeriod": "0s"})
    eventually(lambda: teams.ready("restored"))
    first, _ = held_token(teams, "restored")
    side = ServiceSide(services, "restored")
    broken.word("snapshot", "tokens")
    annotate(teams, "restored", rotate_token="after the backup")
    eventually(lambda: side.live_tokens() == {held_token(teams, "restored")[0]} != {first})
    broken.word("restore", "tokens")

    def whole():
        try:
            assert side.live_tokens() == {held_token(teams, "restored")[0]} and teams.ready("restored")
        except (ApiError, Unreachable) as error:
            raise AssertionError(str(error)) from error
        return True

    eventually(whole, 120)
    # The watch of Secrets has come back, too: one that is deleted is missed.
    teams.kube.delete("Secret", teams.namespace, teams.get("restored")["status"]["tokenSecretRef"]["name"])
    eventually(lambda: side.live_tokens() == {held_token(teams, "restored")[0]}, 120)
    operator.assert_running()
