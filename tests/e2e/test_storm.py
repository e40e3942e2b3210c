"""Another program changes back what the operator repairs, as fast as it can."""

import threading
import time

import pytest

from support.teams import condition, dedicated, is_ready, scheduled
from support.waiting import Stopwatch, eventually

PROBE = 3  # seconds between two looks at a team that is fought over; the pause is no multiple of it
RIVAL = "rival-controller"
NAME = "agent-dedicated-acme-fought"


class Rival:
    """Sets the replicas of a Deployment to 7, in a tight loop, until it is left."""

    def __init__(self, kube, namespace):
        self.kube, self.namespace, self.writes = kube, namespace, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        wish = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": self.namespace, "name": NAME},
                "spec": {"replicas": 7}}
        while not self.over.is_set():
            self.kube.apply(wish, manager=RIVAL)
            self.writes += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.fixture(scope="module")
def quick(operator):
    """Crossplane's numbers are 5 min and 30 s."""
    operator.restart(storm_pause="10s", storm_probe_interval=f"{PROBE}s")
    yield operator
    operator.restart()  # as it was, for those who come after


def test_a_team_that_is_fought_over_is_repaired_now_and_then_and_no_other_waits(kube, quick, teams, audit, figure):
    teams.apply("fought", runtime=dedicated())
    teams.apply("peaceful", pipeline=scheduled())
    eventually(lambda: teams.ready("fought", "peaceful"))

    def writes(since):
        mine = ("fought", NAME)
        return [r for r in audit.requests(since, teams.namespace) if r.is_write and r.name in mine and r.resource != "events"]

    with Rival(kube, teams.namespace) as rival:
        stormy = eventually(lambda: condition(teams.get("fought"), "Responsive"), 60)
        assert (stormy["status"], stormy["reason"]) == ("False", "WriteStorm")
        assert "Deployment" in stormy["message"] and RIVAL in stormy["message"]
        assert quick.metric("kube_circuit_breaker_open") == 1

        since, watch, before = audit.mark(), Stopwatch(), rival.writes
        longest = 0
        for minute in range(20):
            edit = Stopwatch()
            teams.change("peaceful", pipeline=scheduled(f"{minute} 4 * * *"))
            eventually(lambda minute=minute: teams.kube.get("CronJob", teams.namespace, "ai-pipeline-acme-peaceful")
                       ["spec"]["schedule"] == f"{minute} 4 * * *")
            longest = max(longest, float(edit))
        figure("an edit beside a storm, the longest of 20", longest, "s")
        while float(watch) < 5 * PROBE:
            time.sleep(0.1)  # the window, not a wait for something
        seen = writes(since)
        assert len(seen) <= float(watch) / PROBE + 1, [str(r) for r in seen]
        assert len(seen) >= 3, "it is repaired all the same"
        assert rival.writes - before > 2 * len(seen), "it was answered one for one"

        # Who asks for something gets it at once: the budget is no part of the fight.
        teams.change("fought", runtime=dedicated(replicas=2))
        eventually(lambda: ("PodDisruptionBudget", NAME) in teams.children("PodDisruptionBudget"))
        assert condition(teams.get("fought"), "Responsive")

    def over():
        team = teams.get("fought")
        assert is_ready(team) and not condition(team, "Responsive"), team["status"]["conditions"]
        return kube.get("Deployment", teams.namespace, NAME)["spec"]["replicas"] == 2

    eventually(over, 60)
    assert quick.metric("kube_circuit_breaker_open") == 0
