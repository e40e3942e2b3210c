"""The stub platform services as a process, and their control API. See tests/stubs/README.md."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from support.waiting import eventually

TESTS = pathlib.Path(__file__).resolve().parents[1]
SERVICES = ("config-service", "agent", "pipeline", "slack", "github")
ADMIN_TOKEN = "admin-token-of-the-tests"


def request(url, method="GET", body=None, headers=None, timeout=30):
    """(status, JSON or text)."""
    data = None if body is None else json.dumps(body).encode()
    kind = {} if data is None else {"Content-Type": "application/json"}
    asked = urllib.request.Request(url, data=data, method=method, headers=kind | (headers or {}))
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            status, text = answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode("utf-8", "replace")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


class Stub:
    """One service: where it is, what it was asked, and how it is to misbehave."""

    def __init__(self, name, port, control):
        self.name, self.port, self.url = name, port, f"http://127.0.0.1:{port}"
        self.control = f"http://127.0.0.1:{control}/__stub/{name}"

    def word(self, method, word, body=None):
        status, answer = request(f"{self.control}/{word}", method, body)
        assert status == 200, f"{self.name}: {method} {word}: {status} {answer}"
        return answer

    def calls(self, path="", since=0, brief=False):
        """Every request whose path matches, in order."""
        found = []
        while True:
            page = self.word("GET", f"calls?since={since}&path={path}{'&brief' if brief else ''}")["calls"]
            found += page
            if len(page) < 10_000:
                return found
            since = page[-1]["seq"]

    def state(self):
        return self.word("GET", "state")

    def faults(self, *rules):
        """These rules, and no others."""
        return self.word("PUT", "faults", list(rules))

    def listen(self, up):
        return self.word("PUT", "listen", {"up": up})

    def reset(self):
        return self.word("POST", "reset")


class StubServices:
    """All services in one process. `with StubServices(directory) as stubs: stubs.agent.calls()`"""

    def __init__(self, directory, seed=None, args=()):
        self.directory, self.seed, self.args = pathlib.Path(directory), seed, args
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = None

    def start(self):
        ports = self.directory / "ports.json"
        ports.unlink(missing_ok=True)
        command = [sys.executable, "-m", "stubs", "--ports-file", str(ports), "--admin-token", ADMIN_TOKEN, *self.args]
        command += [word for name in SERVICES for word in (f"--{name}", "127.0.0.1:0")]
        if self.seed is not None:
            (self.directory / "seed.json").write_text(json.dumps(self.seed))
            command += ["--seed", str(self.directory / "seed.json")]
        with open(self.directory / "stubs.log", "wb") as log:
            self.process = subprocess.Popen(command, cwd=TESTS, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            env=os.environ | {"PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"})
        eventually(lambda: ports.exists() or self.assert_running(), what="the stub services listen")
        self.ports = json.loads(ports.read_text())
        for name in SERVICES:
            setattr(self, name.replace("-", "_"), Stub(name, self.ports[name], self.ports["control"]))
        return self

    def assert_running(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the stub services ended: {(self.directory / 'stubs.log').read_text()}")

    def reset(self):
        for name in SERVICES:
            getattr(self, name.replace("-", "_")).reset()

    def stop(self):
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
