"""Outages that last too long for every run of the tests."""

import time

import pytest

from support.cluster import OwnCluster
from support.operator_process import OperatorProcess
from support.status_oracle import StatusOracle
from support.teams import Teams, scheduled
from support.waiting import Stopwatch, eventually

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def broken(state):
    with OwnCluster(state / "soak-cluster") as cluster:
        cluster.install_chart()
        yield cluster


@pytest.fixture(scope="module")
def operator(broken, state):
    oracle = StatusOracle(broken.kube)
    operator = OperatorProcess(broken, state / "operator-soak", resync_interval="10h")
    operator.expect_errors(r".")  # everything fails here; that it goes on is what counts
    yield operator.start()
    operator.close()
    oracle.stop()


@pytest.mark.parametrize("component, seconds", [("etcd", 60), ("kube-apiserver", 300)])
def test_an_edit_is_followed_after_a_long_silence(broken, operator, component, seconds, figure):
    namespace = f"silence-{component}"
    broken.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    teams = Teams(broken.kube, namespace)
    teams.apply("team", pipeline=scheduled("1 0 * * *"))
    eventually(lambda: teams.ready("team"), 60)
    broken.word("pause", component)
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            operator.assert_running()
            time.sleep(1)
    finally:
        broken.word("resume", component)

    def edited():
        try:
            return teams.change("team", pipeline={"schedule": "2 0 * * *"})
        except Exception as error:  # whatever the server says while it comes back
            raise AssertionError(str(error)) from error

    eventually(edited, 120)
    watch = Stopwatch()
    eventually(lambda: any(job["spec"]["schedule"] == "2 0 * * *" for job in teams.children("CronJob").values()), 60)
    figure(f"an edit followed after {component} was silent for {seconds} s", float(watch), "s")
    eventually(lambda: teams.ready("team"), 60)
