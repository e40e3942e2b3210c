"""Webhooks while everything is killed: what was answered 2xx runs, once, or stands where it can be seen."""

import asyncio
import random

import pytest

from support import platform, webhooks
from support.gateway import ROLES
from support.storm import AWAY, QUICK, blows_of, killer, split, storm
from support.waiting import eventually

@pytest.mark.fault
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [1])
def test_everything_is_killed_while_events_arrive(own_postgres, stubs, gateways, figure, number, total=2000):
    server, database = own_postgres
    rng = random.Random(number)
    roles = split(gateways, database, **QUICK)
    stubs.agent.word("PUT", "settings", {"seconds": 0.2})
    strikes = [killer(roles[role]) for role in ROLES] + [killer(roles["worker"]), server.restart_hard]
    answers = asyncio.run(storm(roles["webhooks"].url, platform.mixed(total), blows_of(rng, total, strikes),
                                concurrency=32, patience=90, timeout=10))
    assert len(answers) == total
    accepted = [a for a in answers if a.accepted]
    assert len(accepted) == total, f"not accepted: {[(a.status, a.error) for a in answers if not a.accepted][:5]}"
    platform.wait_until_settled(database, 150)
    runs = platform.judge(answers, database, stubs.agent)
    figure(f"{total} events, {len(strikes)} kills: tries that senders needed", sum(a.tries for a in answers))
    assert len(runs.by_key) == total, "with all of them accepted, each has run"


@pytest.mark.fault
@pytest.mark.timeout(180)
def test_an_agent_that_keeps_no_record_is_asked_once_more(database, stubs, gateways):
    """The one case in which a run may start twice: nobody can tell whether it ran."""
    worker = gateways(database, **QUICK)
    stubs.agent.faults({"match": {"attempt": "^1$"}, "seconds": 60, "record": False})
    hook = webhooks.slack(platform.channel(0))
    assert webhooks.send(worker.url, hook).accepted
    eventually(lambda: stubs.agent.state()["running"] == 1)
    worker.kill()
    worker.start()
    eventually(lambda: stubs.agent.state()["posts"] == 2, 60, "after the run's time limit it is tried once more")
    assert platform.wait_until_settled(database) == {hook.id: "done"}
    posts = platform.Runs(stubs.agent).by_key[hook.key]
    assert len(posts) == 2 and len({post["correlation_id"] for post in posts}) == 1
    assert posts[1]["at"] - posts[0]["at"] >= 3, "not before the first can have ended"


@pytest.mark.fault
@pytest.mark.timeout(180)
def test_a_run_that_the_agent_recorded_is_not_repeated(database, stubs, gateways):
    worker = gateways(database, **QUICK)
    stubs.agent.faults({"seconds": 2})
    hook = webhooks.slack(platform.channel(0))
    assert webhooks.send(worker.url, hook).accepted
    eventually(lambda: stubs.agent.state()["running"] == 1)
    worker.kill()
    worker.start()
    assert platform.wait_until_settled(database) == {hook.id: "done"}
    assert stubs.agent.state()["posts"] == 1


def test_ten_deliveries_at_once_are_one_run(database, stubs, gateways):
    gateway = gateways(database, **QUICK)
    hooks = list(platform.mixed(40))
    answers = webhooks.send_all(gateway.url, [hook for hook in hooks for _ in range(10)], concurrency=100)
    assert all(a.accepted for a in answers), {(a.status, a.error) for a in answers}
    found = platform.wait_until_settled(database)
    assert found == {hook.id: "done" for hook in hooks}
    platform.judge(answers, database, stubs.agent)
    assert stubs.agent.state()["posts"] == len(hooks)


def test_one_mention_that_comes_as_two_events_is_one_run(database, stubs, gateways):
    gateway = gateways(database, **QUICK)
    mention = webhooks.slack(platform.channel(0))
    event = webhooks.json.loads(mention.body)["event"]
    message = webhooks.slack(platform.channel(0), kind="message", channel_type="channel",
                             **{k: event[k] for k in ("ts", "event_ts", "client_msg_id", "text")})
    assert message.id != mention.id
    assert all(a.accepted for a in webhooks.send_all(gateway.url, [mention, message] * 5, concurrency=10))
    platform.wait_until_settled(database)
    assert stubs.agent.state()["posts"] == 1


@pytest.mark.fault
@pytest.mark.timeout(180)
def test_without_its_database_nothing_is_accepted(own_postgres, stubs, gateways):
    server, database = own_postgres
    gateway = gateways(database, **QUICK)
    gateway.expect_errors(*AWAY)
    server.word("stop")
    hooks = list(platform.mixed(8))
    refused = webhooks.send_all(gateway.url, hooks, concurrency=8)
    assert {a.status for a in refused} == {503}, [(a.status, a.error) for a in refused]
    assert gateway.probe("/healthz") == 200, "to restart it would not help"
    server.word("start")
    answers = webhooks.send_all(gateway.url, hooks, concurrency=8, patience=30)
    assert all(a.accepted for a in answers)
    platform.wait_until_settled(database)
    platform.judge(answers, database, stubs.agent)
