"""The gateway as processes: one a role, or several roles in one, on free ports of loopback."""

import dataclasses
import os
import pathlib
import socket
import subprocess

from support.postgres import INGEST_ROLE
from support.process import Process
from support.stubs import ADMIN_TOKEN
from support.waiting import eventually
from support.webhooks import SECRETS

BINARY = "webhook-gateway"
ROLES = ("webhooks", "worker", "admin")
# Of the platform's services, as the chart's values name them, and of all teams' own agents.
CONFIG_SERVICE, AGENT, PIPELINE, DEDICATED = "config-service:8080", "incidentfox-agent:8080", "ai-pipeline:8090", ".svc.cluster.local:8080"
SLACK_TOKEN = "xoxb-token-of-the-tests"
LISTENERS = ("webhooks", "admin", "metrics", "health-probe")
ENVIRONMENT = {name: SECRETS[source] for source, name in (
    ("slack", "SLACK_SIGNING_SECRET"), ("github", "GITHUB_WEBHOOK_SECRET"), ("pagerduty", "PAGERDUTY_WEBHOOK_SECRET"),
    ("incidentio", "INCIDENTIO_WEBHOOK_SECRET"), ("circleback", "CIRCLEBACK_SIGNING_SECRET"),
    ("probe", "PROBE_WEBHOOK_SECRET"))}
# What may pass from our environment to the program.
INHERITED = ("PATH", "TZ", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE")
# Limits that a test of something else must not meet.
UNLIMITED = {"team_runs_in_flight": 2000, "team_runs_per_second": 0, "team_runs_per_hour": 0}


def program():
    return pathlib.Path(os.environ["TP_BIN"]) / BINARY


def run_gateway(*args, env=None, timeout=60):
    """Runs the program to its end: the CompletedProcess."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return subprocess.run([program(), *args], capture_output=True, text=True, check=False, timeout=timeout, env=inherited | (env or {}),
                          stdin=subprocess.DEVNULL)


def migrate(database, *args):
    """As the operator of a platform does it, once: with the owner's rights."""
    done = run_gateway("migrate", *args, env={"DATABASE_URL": database.url})
    assert done.returncode == 0, f"migrate: {done.returncode}: {done.stderr}"
    return done


def free_port():
    """Below the ports of outgoing connections, so that none takes it before it is listened on."""
    for port in range(22_000 + os.getpid() % 4000 * 2, 32_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in _TAKEN:
                _TAKEN.add(port)
                return port
    raise RuntimeError("no free port")


_TAKEN = set()


@dataclasses.dataclass(frozen=True)
class Pod:
    """What a process is started with. `login` is its user of the database; None: the database's owner."""

    args: tuple
    environment: dict
    login: str | None = None


def bare_pod(roles):
    """Without a chart, for figures that a control plane beside them would change."""
    environment = {"CONFIG_SERVICE_URL": f"http://{CONFIG_SERVICE}", "AGENT_API_URL": f"http://{AGENT}", "SLACK_BOT_TOKEN": SLACK_TOKEN,
                   "ORCHESTRATOR_INTERNAL_ADMIN_TOKEN": ADMIN_TOKEN} | ENVIRONMENT
    return Pod(("serve", f"--roles={','.join(roles)}"), environment, INGEST_ROLE if roles == ("webhooks",) else None)


class GatewayProcess(Process):
    name = "gateway"

    def __init__(self, state, database, stubs, roles=ROLES, pods=bare_pod, **flags):
        """`pods` (support/gateway_chart.py) knows what the chart gives the pods of these roles. Of that are changed the database, the
        addresses, which are ours and stay the same from start to start, where the names of services lead, and `flags`:
        team_runs_per_hour=0. The role webhooks alone needs no `stubs`."""
        super().__init__(state)
        self.roles = (roles,) if isinstance(roles, str) else tuple(roles)
        self.ports = {listener: free_port() for listener in LISTENERS}
        services = {} if stubs is None else {
            "connect_to": f"{CONFIG_SERVICE}=127.0.0.1:{stubs.config_service.port},{AGENT}=127.0.0.1:{stubs.agent.port},"
                          f"{DEDICATED}=127.0.0.1:{stubs.agent.port},{PIPELINE}=127.0.0.1:{stubs.pipeline.port}",
            "slack_api_url": stubs.slack.url, "slack_response_origins": stubs.slack.url, "github_api_url": stubs.github.url}
        self.flags = services | flags
        self.pod = pods(self.roles)
        self.database_url = database.as_role(self.pod.login) if self.pod.login else database.url

    def start(self, wait=True, **flags):
        addresses = {f"{listener}-bind-address": f"127.0.0.1:{port}" for listener, port in self.ports.items()}
        settings = addresses | {name.replace("_", "-"): value for name, value in (self.flags | flags).items()}
        kept = [arg for arg in self.pod.args if not arg.startswith(tuple(f"--{name}=" for name in settings))]
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self.launch([str(program()), *kept, *(f"--{name}={value}" for name, value in settings.items())],
                    env=inherited | self.pod.environment | {"DATABASE_URL": self.database_url})
        eventually(lambda: self.assert_running() or self.probe("/healthz") == 200, what=f"/healthz of {self.name} answers")
        if wait:
            self.wait_until_ready()
        return self

    def restart(self, timeout=30, **flags):
        self.stop(timeout)
        return self.start(**flags)

    def address(self, listener):
        return f"127.0.0.1:{self.ports[listener]}"

    @property
    def url(self):
        """Where webhooks go."""
        return f"http://{self.address('webhooks')}"

    @property
    def admin_url(self):
        return f"http://{self.address('admin')}"

    def abandon(self):
        """After a failure, which says more than the gateway's end or its log would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.abandon()
            raise

    def __exit__(self, kind, *_):
        self.close() if kind is None else self.abandon()
