"""Stopping and replacing the gateway while webhooks arrive: nobody notices."""

import asyncio
import contextlib
import time

import pytest

from support import platform, webhooks
from support.gateway import UNLIMITED
from support.waiting import eventually

FAILURES = (OSError, asyncio.IncompleteReadError, ValueError)


class Load:
    """So many kept connections that send one webhook after the other until they are told to stop."""

    def __init__(self, target, connections=16):
        self.clients = [webhooks.KeepAlive(target) for _ in range(connections)]
        self.accepted, self.refused, self.failed, self.stopped = [], [], [], False

    async def run(self):
        await asyncio.gather(*(self.work(n, client) for n, client in enumerate(self.clients)))

    async def work(self, n, client):
        for hook in platform.mixed(1_000_000):
            if self.stopped:
                break
            connected = client.writer is not None
            try:
                status = await client.send(hook)
            except FAILURES as error:
                await client.close()
                if not connected and isinstance(error, ConnectionRefusedError):
                    self.refused.append(hook)  # nobody listens: nothing was sent
                    await asyncio.sleep(0.05)
                    continue
                self.failed.append((n, client.connections, repr(error)))
                continue
            (self.accepted if 200 <= status < 300 else self.failed).append(webhooks.Answer(hook, status))
            await asyncio.sleep(0.005)  # some hundreds a second
        await client.close()


@contextlib.asynccontextmanager
async def under(load):
    task = asyncio.create_task(load.run())
    try:
        yield
    finally:
        load.stopped = True
        await task


async def until(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "the load did not get so far"
        await asyncio.sleep(0.01)


@pytest.mark.timeout(180)
def test_sigterm_under_load_cuts_nothing(database, stubs, gateways):
    gateway = gateways(database, drain_timeout="30s", **UNLIMITED)
    stubs.agent.word("PUT", "settings", {"seconds": 1.5})
    load = Load(lambda: ("127.0.0.1", gateway.ports["webhooks"]))

    async def scenario():
        async with under(load):
            await until(lambda: len(load.accepted) > 300)
            gateway.terminate()
            await asyncio.to_thread(gateway.join, 60)
            await until(lambda: len(load.refused) > 16)

    asyncio.run(scenario())
    assert not load.failed, f"{len(load.failed)} requests were cut, first: {load.failed[:5]}"
    # Every run that was started has ended, and is known to have.
    agent = stubs.agent.state()
    assert agent["running"] == 0 and agent["started"] == agent["finished"] > 0
    found = platform.states(database)
    assert "running" not in found.values() and "unknown" not in found.values()
    assert sum(state == "done" for state in found.values()) == agent["finished"]
    # And what waits is not lost.
    gateway.start()
    platform.wait_until_settled(database)
    platform.judge(load.accepted, database, stubs.agent)


@pytest.mark.timeout(180)
def test_a_rolling_restart_is_not_seen_by_clients_that_keep_connections(database, stubs, gateways, figure):
    flags = {"roles": "webhooks"} | UNLIMITED
    old, new = gateways(database, **flags), gateways(database, start=False, **flags)
    worker = gateways(database, roles="worker", **UNLIMITED)
    current = [old]
    load = Load(lambda: ("127.0.0.1", current[0].ports["webhooks"]))

    async def roll(leaving, coming):
        """As a Deployment does it: the new one is ready, then takes the new connections, then the old one is told to end."""
        await asyncio.to_thread(coming.start)
        current[0] = coming
        leaving.terminate()
        await asyncio.to_thread(leaving.join, 60)

    async def scenario():
        async with under(load):
            for leaving, coming in ((old, new), (new, old), (old, new)):
                seen = len(load.accepted)
                await until(lambda seen=seen: len(load.accepted) > seen + 200)
                await roll(leaving, coming)

    asyncio.run(scenario())
    assert not load.failed, f"{len(load.failed)} requests failed, first: {load.failed[:5]}"
    assert not load.refused
    assert all(client.connections >= 4 for client in load.clients), "every connection has moved each time"
    figure("webhooks accepted through three rolling restarts, none failed", len(load.accepted))
    platform.wait_until_settled(database)
    platform.judge(load.accepted, database, stubs.agent)
    eventually(lambda: worker.probe("/readyz") == 200)


@pytest.mark.timeout(120)
def test_runs_that_outlast_the_drain_are_unknown_and_then_known(database, stubs, gateways):
    gateway = gateways(database, drain_timeout="1s", slack_agent_timeout=4, claim_lease="2s", **UNLIMITED)
    stubs.agent.word("PUT", "settings", {"seconds": 3})
    hook = webhooks.slack(platform.channel(0))
    assert webhooks.send(gateway.url, hook).accepted
    eventually(lambda: stubs.agent.state()["running"] == 1)
    gateway.stop()
    assert platform.states(database) == {hook.id: "unknown"}
    gateway.start()
    assert platform.wait_until_settled(database) == {hook.id: "done"}
    assert stubs.agent.state()["posts"] == 1
