"""A Kubernetes of three versions ago that does not stream lists: the operator lists, page by page, and watches from there."""

import pytest

from support import rights
from support.cluster import OwnCluster
from support.operator_process import OperatorProcess
from support.status_oracle import StatusOracle
from support.teams import Teams, everything, scheduled, team
from support.waiting import eventually

pytestmark = pytest.mark.fault
PAGE = 500


@pytest.fixture(scope="module")
def older(state):
    directory = state / "older-cluster"
    with OwnCluster(directory, emulate="1.34", apiserver_args="--feature-gates=WatchList=false") as cluster:
        cluster.install_chart()
        yield cluster


def test_it_lists_and_everything_works(older, state, figure):
    kube = older.kube
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "older"}})
    teams = Teams(kube, "older")
    for i in range(PAGE + 10):
        kube.create(team("older", f"small-{i:04}"))
    mark = older.audit.mark()
    oracle = StatusOracle(kube)
    operator = OperatorProcess(older, state / "operator-older", resync_interval="10h").start()
    try:
        eventually(lambda: len(teams.ready()) == PAGE + 10, 60)
        listed = [r for r in older.audit.requests(mark) if r.verb == rights.FALL_BACK]
        assert {(r.group, r.resource, r.verb) for r in listed} == {right for right in rights.granted() if right[2] == rights.FALL_BACK}
        assert len([r for r in listed if r.resource == "teamprovisionings"]) == 2, "two pages"
        teams.apply("full", **everything())
        eventually(lambda: teams.ready("full"))
        kube.delete("CronJob", "older", "ai-pipeline-acme-full")
        eventually(lambda: len(teams.children()) == 6)
        teams.change("full", pipeline=scheduled("9 9 * * *"))
        eventually(lambda: kube.get("CronJob", "older", "ai-pipeline-acme-full")["spec"]["schedule"] == "9 9 * * *")
        assert [str(r) for r in older.audit.requests(mark) if r.forbidden] == []
        assert [str(r) for r in older.audit.requests(mark) if r.verb == rights.FALL_BACK and r not in listed] == []
    finally:
        operator.close()
        oracle.stop()
