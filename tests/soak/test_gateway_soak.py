"""The long forms of tests/e2e/gateway: many events, long waits."""

import asyncio
import random
import time

import pytest

from support import platform, webhooks
from support.gateway import ROLES, UNLIMITED
from support.hostile import Flood, Honest
from support.storm import QUICK, blows_of, killer, split, storm

pytestmark = pytest.mark.fault


@pytest.mark.timeout(3600)
def test_a_hundred_thousand_events_while_everything_is_killed(own_postgres, stubs, gateways, figure, total=100_000):
    server, database = own_postgres
    seed = time.time_ns()
    print(f"seed {seed}")
    roles = split(gateways, database, **QUICK)
    stubs.agent.word("PUT", "settings", {"seconds": 0.1})
    strikes = [killer(roles[role]) for role in ROLES * 5] + [server.restart_hard] * 3
    start = time.monotonic()
    answers = asyncio.run(storm(roles["webhooks"].url, platform.mixed(total), blows_of(random.Random(seed), total, strikes),
                                concurrency=64, patience=120, timeout=10))
    assert all(a.accepted for a in answers), [(a.status, a.error) for a in answers if not a.accepted][:5]
    figure(f"{total} events accepted, {len(strikes)} kills", time.monotonic() - start, "s")
    platform.wait_until_settled(database, 1800)
    figure("and all of them run", time.monotonic() - start, "s")
    assert len(platform.judge(answers, database, stubs.agent).by_key) == total


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("how", ["answers-503", "does-not-listen"])
def test_an_agent_that_refuses_for_five_minutes_loses_nothing(database, stubs, gateways, how, minutes=5):
    gateway = gateways(database, **UNLIMITED)
    if how == "answers-503":
        stubs.agent.faults({"match": {"path": "^/agents/"}, "status": 503, "headers": {"Retry-After": "5"}})
    else:
        stubs.agent.listen(False)
    answers, end = [], time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        answers += webhooks.send_all(gateway.url, platform.mixed(40), concurrency=8)
        gateway.assert_running()
        time.sleep(5)
    assert all(a.accepted for a in answers)
    stubs.agent.faults()
    stubs.agent.listen(True)
    assert set(platform.wait_until_settled(database, 600).values()) == {"done"}
    runs = platform.Runs(stubs.agent)
    assert all(len(runs.started(a.webhook.key)) == 1 for a in answers)


@pytest.mark.timeout(600)
def test_two_thousand_runs_of_a_minute_at_once(database, stubs, gateways, figure):
    gateway = gateways(database, **UNLIMITED)
    stubs.agent.word("PUT", "settings", {"seconds": 60})
    answers = webhooks.send_all(gateway.url, platform.mixed(2000), concurrency=16)
    seconds = sorted(a.seconds for a in answers)
    figure("2,000 runs in flight: an answer, p99", seconds[len(seconds) * 99 // 100] * 1000, "ms")
    figure("2,000 runs in flight: memory", gateway.rss() / 2**20, "MiB")
    platform.wait_until_settled(database, 400)
    platform.judge(answers, database, stubs.agent)
    figure("runs at one time", stubs.agent.state()["most_running"])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("proxies", ["", "127.0.0.0/8"], ids=["from-one-address", "from-a-million-addresses"])
def test_a_million_wrong_signatures(database, gateways, figure, proxies, total=1_000_000):
    """Behind a proxy that is believed each comes from an address of its own, and the gateway must not remember them all."""
    gateway = gateways(database, roles="webhooks", trusted_proxies=proxies)
    start = time.monotonic()
    with Honest(gateway.url, platform.mixed(10**9)) as honest:
        statuses = Flood(("127.0.0.1", gateway.ports["webhooks"]), total).run()
    figure("wrong signatures refused", total / (time.monotonic() - start), "/s")
    figure("memory at its worst", gateway.rss(peak=True) / 2**20, "MiB")
    assert gateway.rss(peak=True) < 64 << 20
    assert set(statuses) <= {401, 429} and sum(statuses.values()) == total
    assert (statuses[401] > total * 0.9) == bool(proxies)
    assert honest.accepted and not honest.refused
    assert len(platform.states(database)) == len(honest.accepted)
