"""Slow agents, agents that refuse, floods: nobody waits for somebody else's trouble, and nothing is lost."""

import time

import pytest

from support import platform, webhooks
from support.gateway import UNLIMITED
from support.waiting import eventually

SLACKS_LIMIT = 3.0  # seconds until Slack sends an event again


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def test_slack_is_answered_while_agents_are_slow(database, stubs, gateways, figure):
    gateway = gateways(database, drain_timeout="1s", **UNLIMITED)
    stubs.agent.word("PUT", "settings", {"seconds": 60})
    gateway.expect_errors(r".")  # its runs do not end before it does
    warm = webhooks.send_all(gateway.url, [webhooks.slack(platform.channel(i % 10)) for i in range(100)], concurrency=4)
    answers = webhooks.send_all(gateway.url, [webhooks.slack(platform.channel(i % 10)) for i in range(400)], concurrency=4)
    assert all(a.accepted for a in warm + answers)
    seconds = [a.seconds for a in answers]
    figure("a mention is answered while its agent takes 60 s, p99", percentile(seconds, 99) * 1000, "ms")
    assert max(seconds) < SLACKS_LIMIT
    eventually(lambda: stubs.agent.state()["running"] == 500, 60, "all runs go on at once")


@pytest.mark.parametrize("how", ["answers-503", "does-not-listen"])
def test_an_agent_that_refuses_for_a_while_loses_nothing(database, stubs, gateways, how):
    gateway = gateways(database, **UNLIMITED)
    if how == "answers-503":
        stubs.agent.faults({"match": {"path": "^/agents/"}, "status": 503, "headers": {"Retry-After": "1"}})
    else:
        stubs.agent.listen(False)
    answers = webhooks.send_all(gateway.url, platform.mixed(80), concurrency=16)
    assert all(a.accepted for a in answers)

    def waiting():
        found = platform.states(database)
        assert len(found) == 80 and set(found.values()) <= set(platform.PENDING), found
        assert "retrying" in found.values()
        return True

    eventually(waiting)
    stubs.agent.faults()
    stubs.agent.listen(True)
    assert set(platform.wait_until_settled(database).values()) == {"done"}
    runs = platform.Runs(stubs.agent)
    assert all(len(runs.started(a.webhook.key)) == 1 for a in answers), "each has run, and once"


def test_a_slow_team_delays_no_other(database, stubs, gateways, figure):
    """Team 0 has used up all its runs at one time; team 1's start as if it were not there."""
    gateway = gateways(database, **UNLIMITED | {"team_runs_in_flight": 5})
    stubs.agent.faults({"match": {"team": f"^{platform.team(0)}$"}, "seconds": 4})
    slow = webhooks.send_all(gateway.url, [webhooks.slack(platform.channel(0)) for _ in range(20)], concurrency=10)
    eventually(lambda: stubs.agent.state()["running"] == 5)
    sent = time.time()
    fast = webhooks.send_all(gateway.url, [webhooks.slack(platform.channel(1)) for _ in range(20)], concurrency=10)
    assert all(a.accepted for a in slow + fast)
    eventually(lambda: len(platform.Runs(stubs.agent).of_team(1)) == 20, 60)
    runs = platform.Runs(stubs.agent)
    assert len(runs.of_team(0)) < 20, "the slow team was not ready before: its runs take 16 s in all"
    figure("behind a team that is slow, the last of 20 runs starts after", max(run["at"] for run in runs.of_team(1)) - sent, "s")
    assert stubs.agent.state()["most_running"] <= 5 + 20
    platform.wait_until_settled(database)
    platform.judge(slow + fast, database, stubs.agent)


def test_a_flood_of_one_team_starves_no_other(database, stubs, gateways, figure):
    gateway = gateways(database, **UNLIMITED | {"team_runs_in_flight": 10})
    stubs.agent.word("PUT", "settings", {"seconds": 0.1})
    flood = webhooks.send_all(gateway.url, [webhooks.pagerduty(platform.service(0)) for _ in range(1000)], concurrency=32)
    sent = time.time()
    others = webhooks.send_all(gateway.url, [webhooks.slack(platform.channel(1 + i % 9)) for i in range(27)], concurrency=9)
    assert all(a.accepted for a in flood + others)
    platform.wait_until_settled(database)
    runs = platform.judge(flood + others, database, stubs.agent)
    last_of_others = max(runs.started(a.webhook.key)[0]["at"] for a in others)
    last_of_flood = max(run["at"] for run in runs.of_team(0))
    figure("behind a flood of 1,000, the last of 27 runs of others starts after", last_of_others - sent, "s")
    assert last_of_others < last_of_flood


def test_a_team_may_not_start_more_than_its_share(database, stubs, gateways):
    """A cap holds events back; it does not drop them, and counts no attempt."""
    gateway = gateways(database, **UNLIMITED | {"team_runs_per_hour": 3})
    answers = webhooks.send_all(gateway.url, [webhooks.slack(platform.channel(0)) for _ in range(8)], concurrency=4)
    assert all(a.accepted for a in answers)
    eventually(lambda: list(platform.states(database).values()).count("done") == 3)
    assert database.value("SELECT count(*) FROM orchestrator.inbox WHERE state IN ('ready', 'held') AND attempts = 0") == 5
    assert stubs.agent.state()["posts"] == 3
