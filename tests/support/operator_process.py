"""The operator as a process: run as the chart's Deployment would run it, with its ServiceAccount and no other rights."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from support.cluster import SYSTEM
from support.waiting import eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = "team-operator"


def program():
    return pathlib.Path(os.environ["TP_BIN"]) / BINARY


def run_operator(*args, env=None, timeout=30):
    """Runs the program to its end: the CompletedProcess."""
    return subprocess.run([program(), *args], capture_output=True, text=True, check=False, timeout=timeout,
                          env={"PATH": os.environ["PATH"]} | (env or {}), stdin=subprocess.DEVNULL)


class Ended(Exception):
    """No AssertionError: whoever waits for something else need not wait any longer."""


class OperatorProcess:
    """Starts, stops, kills and starts again. All runs write one log, which is judged whenever a run ends."""

    def __init__(self, cluster, state, **flags):
        """`flags` override those of the chart: resync_interval="3s"."""
        self.cluster, self.state, self.flags = cluster, pathlib.Path(state), flags
        self.state.mkdir(parents=True, exist_ok=True)
        self.log = self.state / "operator.log"
        self.log.write_bytes(b"")
        self.judged = 0  # bytes of the log
        self.expected = []  # patterns of errors that a test provokes
        self.process = None

    # -------------------------------------------------- life

    def start(self, wait=True, **flags):
        assert self.process is None, "it runs already"
        command = [sys.executable, str(ROOT / "tools" / "run-from-chart"), "--kubeconfig", self.cluster.kubeconfig, "--namespace", SYSTEM,
                   "--bin", os.environ["TP_BIN"], "--state", str(self.state / "run")]
        command += [f"--override={k.replace('_', '-')}={v}" for k, v in (self.flags | flags).items()]
        (self.state / "run" / "run.json").unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        eventually(lambda: self.assert_running() or (self.state / "run" / "run.json").exists(), 20, "tools/run-from-chart is done")
        eventually(lambda: self.assert_running() or self.probe("/healthz") == 200, 20, "/healthz answers")
        if wait:
            self.wait_until_ready()
        return self

    def stop(self):
        """SIGTERM; it has to end by itself, with 0, and with nothing in its log that no test expected."""
        process, self.process = self.process, None
        early = process.poll()
        assert early is None, f"the operator had ended by itself with {early}:\n{self.tail()}"
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the operator does not end on SIGTERM:\n{self.tail()}") from None
        assert code == 0, f"the operator ended with {code}:\n{self.tail()}"
        self.judge()

    def kill(self):
        process, self.process = self.process, None
        assert process.poll() is None, f"the operator had ended by itself:\n{self.tail()}"
        process.kill()
        process.wait()
        self.judge()

    def restart(self, **flags):
        self.stop()
        return self.start(**flags)

    def close(self):
        if self.process is not None:
            self.stop()

    # -------------------------------------------------- looks

    @property
    def pid(self):
        return self.process.pid

    def assert_running(self):
        code = self.process.poll()
        if code is not None:
            raise Ended(f"the operator has ended by itself with {code}:\n{self.tail()}")

    def address(self, listener):
        return json.loads((self.state / "run" / "run.json").read_text())["addresses"][listener]

    def fetch(self, listener, path):
        """(code, text); code 0: no answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address(listener)}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def probe(self, path):
        return self.fetch("health-probe", path)[0]

    def wait_until_ready(self, timeout=60):
        eventually(lambda: self.assert_running() or self.probe("/readyz") == 200, timeout, "/readyz says ok")

    def metric(self, name, **labels):
        """Sum of the samples of this name that carry these labels."""
        code, text = self.fetch("metrics", "/metrics")
        assert code == 200
        total = 0.0
        for sample, found, value in re.findall(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", text, re.M):
            if sample == name and all(f'{k}="{v}"' in found for k, v in labels.items()):
                total += float(value)
        return total

    def tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # -------------------------------------------------- its log

    def expect_errors(self, *patterns):
        """From now on errors whose line matches one of them are right."""
        self.expected += patterns

    def judge(self):
        """Each line is one JSON object; none of them is an error that no test expected."""
        with open(self.log, "rb") as file:
            file.seek(self.judged)
            text = file.read()
        self.judged += len(text)
        *lines, last = text.decode().split("\n")
        unexpected = []
        for line in lines + ([last] if last else []):
            try:
                entry = json.loads(line)
            except ValueError:
                unexpected.append(f"not JSON: {line}")
                continue
            if str(entry.get("level", "")).lower() == "error" and not any(re.search(p, line) for p in self.expected):
                unexpected.append(line)
        assert not unexpected, f"{len(unexpected)} unexpected lines in the operator's log, first ten:\n" + "\n".join(unexpected[:10])
