"""The operator as a process: run as the chart's Deployment would run it, with its ServiceAccount and no other rights."""

import json
import os
import pathlib
import subprocess
import sys

from support.cluster import SYSTEM
from support.process import Process
from support.waiting import eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = "team-operator"


def program():
    return pathlib.Path(os.environ["TP_BIN"]) / BINARY


def run_operator(*args, env=None, timeout=30):
    """Runs the program to its end: the CompletedProcess."""
    return subprocess.run([program(), *args], capture_output=True, text=True, check=False, timeout=timeout,
                          env={"PATH": os.environ["PATH"]} | (env or {}), stdin=subprocess.DEVNULL)


class ChartProcess(Process):
    """A program as one of the chart's Deployments would run it."""

    def __init__(self, cluster, state, deployment, env=None, **flags):
        """`flags` override those of the chart: resync_interval="3s". `env` adds to its environment."""
        super().__init__(state)
        self.cluster, self.deployment, self.env, self.flags = cluster, deployment, env or {}, flags

    def start(self, wait=True, **flags):
        command = [sys.executable, str(ROOT / "tools" / "run-from-chart"), "--kubeconfig", self.cluster.kubeconfig, "--namespace", SYSTEM,
                   "--bin", os.environ["TP_BIN"], "--state", str(self.state / "run"), "--deployment", self.deployment]
        command += [f"--override={k.replace('_', '-')}={v}" for k, v in (self.flags | flags).items()]
        command += [f"--env={k}={v}" for k, v in self.env.items()]
        (self.state / "run" / "run.json").unlink(missing_ok=True)
        self.launch(command)
        eventually(lambda: self.assert_running() or (self.state / "run" / "run.json").exists(), what="tools/run-from-chart is done")
        eventually(lambda: self.assert_running() or self.probe("/healthz") == 200, what="/healthz answers")
        if wait:
            self.wait_until_ready()
        return self

    def restart(self, **flags):
        self.stop()
        return self.start(**flags)

    def address(self, listener):
        return json.loads((self.state / "run" / "run.json").read_text())["addresses"][listener]


class OperatorProcess(ChartProcess):
    name = "operator"

    def __init__(self, cluster, state, **flags):
        """Alone, unless a test is about several: who is killed and starts again need not wait for its own lease then."""
        super().__init__(cluster, state, "team-operator", **{"leader_elect": "false"} | flags)
