"""The operator's token and its CA are replaced while it works: nobody notices."""

import contextlib
import itertools
import threading

import pytest

from support.access import Access
from support.operator_process import OperatorProcess
from support.teams import Teams, scheduled
from support.waiting import eventually

pytestmark = pytest.mark.fault

TEAMS = [f"team-{i:02}" for i in range(20)]
ERRORS = "controller_runtime_reconcile_errors_total"
REQUESTS = "rest_client_requests_total"


@pytest.fixture
def access(broken, state):
    return Access(broken, state / "rotated")


@pytest.fixture
def operator(broken, access, state):
    operator = OperatorProcess(broken, state / "operator-rotation", resync_interval="10h", kubeconfig=access.kubeconfig)
    yield operator.start()
    operator.close()


@pytest.fixture
def teams(broken):
    broken.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rotation"}})
    teams = Teams(broken.kube, "rotation")
    yield teams
    teams.delete_all()


@contextlib.contextmanager
def again_and_again(work, each):
    """Calls `work` with one after the other, at most every 50 ms; gives the number of calls, and raises what a call raised."""
    ended, calls, failures = threading.Event(), itertools.count(), []

    def run():
        try:
            for one in each:
                work(one)
                next(calls)
                if ended.wait(0.05):
                    return
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def test_token_and_authority_are_replaced_under_load(broken, operator, access, teams, figure):
    for name in TEAMS:
        teams.apply(name, pipeline=scheduled())
    eventually(lambda: teams.ready(*TEAMS), 60)
    wanted, refused = {}, operator.metric(REQUESTS, code="401")

    def edit(number):
        name, schedule = TEAMS[number % len(TEAMS)], f"{number % 60} {number // 60 % 24} * * *"
        teams.change(name, pipeline={"schedule": schedule})
        wanted[f"ai-pipeline-acme-{name}"] = schedule

    def uses(token, since):
        return any(r.credential == token.credential for r in broken.audit.requests(since))

    rounds = 0
    with again_and_again(edit, itertools.count()), again_and_again(lambda text: access.write("ca.crt", text), access.authorities()):
        # The file is read each minute, too: then nobody is refused.
        while rounds < 2 or operator.metric(REQUESTS, code="401") == refused:
            rounds += 1
            assert rounds < 6, "it is never refused: this proves nothing"
            since, old, new = broken.audit.mark(), access.token, access.renew()
            access.revoke(old)
            eventually(lambda token=new, mark=since: uses(token, mark), 90, "it uses the new token")

    def followed():
        found = {name: job["spec"]["schedule"] for (_, name), job in teams.children("CronJob").items()}
        assert found == wanted
        return True

    eventually(followed)
    eventually(lambda: teams.ready(*TEAMS))
    figure(f"tokens replaced {rounds} times: requests refused and sent again", operator.metric(REQUESTS, code="401") - refused, "")
    assert operator.metric(ERRORS) == 0
    assert operator.metric("controller_runtime_reconcile_total", result="error") == 0
    since = broken.audit.mark()
    teams.change(TEAMS[0], pipeline={"schedule": "59 23 * * *"})
    used = eventually(lambda: {r.credential for r in broken.audit.requests(since, teams.namespace)})
    assert used == {access.token.credential}
