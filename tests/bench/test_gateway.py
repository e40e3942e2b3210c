"""How fast the gateway stores webhooks, beside the same PostgreSQL's own rate. Nothing here asserts a duration; outcomes are asserted.

Rates are followed by what they cost in CPU: that is what a machine shared with others can still compare.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess

import payloads
import pytest

from support import webhooks
from support.gateway import ENVIRONMENT, UNLIMITED, GatewayProcess, migrate
from support.postgres import INGEST_ROLE, WORKER_ROLE, OwnServer
from support.stubs import StubServices
from support.waiting import eventually

TITLE = "gateway"
WHAT_RAN = ("Beside it ran PostgreSQL (Debian's package, its defaults, fsync on) and the load; the gateway is a release build with its default "
            "settings. A request counts as answered once its event is committed.")
REQUESTS = 40_000  # of a measurement; fewer of large bodies
BURST = 100_000
RUNS = 2_000
CONNECTIONS = (64, 256, 512)
TICK = os.sysconf("SC_CLK_TCK")
CHANNEL = "C0BENCH"
SEED = {"orgs": {"acme": {"teams": {"sre": {"config": {"routing": {"slack_channel_ids": [CHANNEL]}}}}}}}

pytestmark = pytest.mark.timeout(1800)


# ---------------------------------------------------------------- what runs


@pytest.fixture(scope="module")
def server(state):
    with OwnServer(state / "postgres-bench") as server:
        server.make_roles()
        yield server


@pytest.fixture(scope="module")
def stubs(state):
    with StubServices(state / "stubs-bench", SEED) as stubs:
        yield stubs


@pytest.fixture
def database(server):
    """One of its own for each measurement, so that none pays for the rows of another."""
    database = server.create()
    migrate(database, f"--ingest-role={INGEST_ROLE}", f"--worker-role={WORKER_ROLE}")
    database.query("CREATE TABLE bench_rows (id uuid PRIMARY KEY, key bytea UNIQUE, received_at timestamptz DEFAULT now(), headers text, "
                   "body bytea COMPRESSION lz4)")
    server.execute("CHECKPOINT")  # else whoever comes next would share the disk with what came before
    yield database
    database.drop()


BODIES = {"Slack, 1 KB": lambda: payloads.slack(1024, CHANNEL), "Slack, 2 KB": lambda: payloads.slack(2048, CHANNEL),
          "GitHub's examples": payloads.github}


@pytest.fixture(scope="module")
def templates(state):
    """name of the bodies -> a file for webhook_load."""
    made = {}
    for name, make in BODIES.items():
        made[name] = state / f"templates-{len(made)}.tsv"
        made[name].write_text(make())
    return made


def load(mode, **arguments):
    program = pathlib.Path(os.environ["TP_BIN"]).parent / "tests" / "bin" / "webhook_load"
    done = subprocess.run([program, mode, *(f"{k}={v}" for k, v in arguments.items())], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---------------------------------------------------------------- what it costs


def stat_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu_seconds(pid):
    """Of a process, its children that have ended, and those that have not."""
    fields = stat_of(pid)
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(int, fields[11:15])) / TICK + sum(map(cpu_seconds, children))


def most_memory(pid):
    """MiB."""
    return int(re.search(r"^VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) / 1024


class Cost:
    def __init__(self, server, gateway=None):
        self.pids = {"PostgreSQL": int((pathlib.Path(server.environment["TP_POSTGRES_DIR"]) / "postgres.pid").read_text().split()[0])}
        if gateway:
            self.pids["gateway"] = gateway.pid
        self.before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def each(self, requests):
        """As text: CPU for each request."""
        return ", ".join(f"{name} {(cpu_seconds(pid) - self.before[name]) / requests * 1e6:.0f} µs" for name, pid in self.pids.items())


def requests_of(bodies, requests=REQUESTS):
    return requests // 4 if bodies.startswith("GitHub") else requests


def as_text(done):
    return f"{done['per_second']:,.0f}/s; p50 {done['p50_ms']:.1f}, p99 {done['p99_ms']:.1f}, slowest {done['max_ms']:.0f} ms"


# ---------------------------------------------------------------- measurements


@pytest.mark.parametrize("bodies", BODIES)
def test_rates(server, database, stubs, state, templates, report, bodies):
    common = {"templates": templates[bodies], "requests": requests_of(bodies)}
    rates = {}

    def note(what, done, cost):
        size = f"{done['bytes']:,} bytes" if bodies.startswith("GitHub") else ""
        report.add(f"{bodies}{' of ' + size if size else ''}: {what}", f"{as_text(done)}; CPU each: {cost.each(done['requests'])}")
        rates[what] = done["per_second"]

    def direct(mode, what):
        cost = Cost(server)
        done = load(mode, database=database.url, connections=512, **common)
        assert done["statuses"] == {"stored": common["requests"]}
        note(what, done, cost)

    direct("insert", "PostgreSQL, INSERT of batches into one table")
    direct("writer", "the gateway's inbox without HTTP")
    with GatewayProcess(state / f"rates-{len(bodies)}", database, stubs, "webhooks") as gateway:
        load("http", port=gateway.ports["webhooks"], **common | {"requests": 2_000})  # opens its connections to the database
        for connections in CONNECTIONS:
            cost = Cost(server, gateway)
            done = load("http", port=gateway.ports["webhooks"], connections=connections, **common)
            assert sum(done["statuses"].values()) == common["requests"] and set(done["statuses"]) <= {"200", "202"}, done["statuses"]
            note(f"the gateway, {connections} connections", done, cost)
    best = max(rates[f"the gateway, {connections} connections"] for connections in CONNECTIONS)
    for against in ("PostgreSQL, INSERT of batches into one table", "the gateway's inbox without HTTP"):
        report.add(f"{bodies}: the gateway's best, as a part of: {against}", f"{best / rates[against] * 100:.0f} %")


def test_memory(database, stubs, state, templates, report):
    with GatewayProcess(state / "memory", database, stubs, "webhooks") as gateway:
        idle = most_memory(gateway.pid)
        done = load("http", port=gateway.ports["webhooks"], connections=512, templates=templates["Slack, 2 KB"], requests=BURST, seconds=600)
        assert done["statuses"] == {"200": BURST}
        report.add(f"{BURST:,} events of 2 KB in a burst, 512 connections", as_text(done))
        report.add("… memory before, and the most in between", f"{idle:.1f}, {most_memory(gateway.pid):.1f} MiB")
    assert database.value("SELECT count(*) FROM orchestrator.inbox") == BURST


def test_while_runs_are_in_flight(database, server, stubs, state, templates, report):
    stubs.agent.word("PUT", "settings", {"seconds": 600})
    flags = UNLIMITED | {"runs_in_flight": RUNS, "drain_timeout": "2s"}
    gateway = GatewayProcess(state / "in-flight", database, stubs, **flags).start()
    try:
        answers = webhooks.send_all(gateway.url, [webhooks.slack(CHANNEL) for _ in range(RUNS)], concurrency=32)
        assert all(answer.accepted for answer in answers)
        eventually(lambda: stubs.agent.state()["running"] >= RUNS, 120, f"{RUNS} runs in flight")
        report.add(f"all roles in one process, {RUNS:,} runs in flight: memory", f"{gateway.rss() / 2**20:.1f} MiB")
        cost = Cost(server, gateway)
        done = load("http", port=gateway.ports["webhooks"], connections=64, templates=templates["Slack, 2 KB"], requests=REQUESTS // 4)
        assert done["statuses"] == {"200": REQUESTS // 4}
        report.add("… 64 connections send 2 KB as fast as they are answered", f"{as_text(done)}; CPU each: {cost.each(done['requests'])}")
        pace = webhooks.send_all(gateway.url, [webhooks.slack(CHANNEL) for _ in range(500)], concurrency=1)
        took = sorted(answer.seconds * 1000 for answer in pace)
        report.add("… one at a time: an answer", f"p50 {statistics.median(took):.1f}, p99 {took[len(took) * 99 // 100]:.1f} ms")
        assert stubs.agent.state()["running"] >= RUNS
    finally:
        gateway.abandon()  # it would wait for its runs
        stubs.agent.word("POST", "reset")
