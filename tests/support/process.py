"""A program of ours as a process: its life, its probes, its metrics, and its log, which is judged whenever it ends."""

import json
import pathlib
import re
import signal
import subprocess
import urllib.error
import urllib.request

from support.waiting import eventually


class Ended(Exception):
    """No AssertionError: whoever waits for something else need not wait any longer."""


class Process:
    """Starts, stops, kills and starts again. All runs write one log. A subclass has `name` and says where its listeners are."""

    name = ""

    def __init__(self, state):
        self.state = pathlib.Path(state)
        self.state.mkdir(parents=True, exist_ok=True)
        self.log = self.state / f"{self.name}.log"
        self.log.write_bytes(b"")
        self.judged = 0  # bytes of the log
        self.expected = []  # patterns of errors that a test provokes
        self.process = None

    def address(self, listener):  # override
        """HOST:PORT of "metrics", "health-probe", …"""
        raise NotImplementedError

    # -------------------------------------------------- life

    def launch(self, command, env=None):
        assert self.process is None, "it runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env)

    def terminate(self):
        """SIGTERM, and no waiting: `join` does that."""
        early = self.process.poll()
        assert early is None, f"{self.name} had ended by itself with {early}:\n{self.tail()}"
        self.process.send_signal(signal.SIGTERM)

    def join(self, timeout=60):
        """After SIGTERM: it has to end by itself, with 0, and with nothing in its log that no test expected."""
        process, self.process = self.process, None
        try:
            code = process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{self.name} does not end on SIGTERM:\n{self.tail()}") from None
        assert code == 0, f"{self.name} ended with {code}:\n{self.tail()}"
        self.judge()

    def stop(self, timeout=60):
        self.terminate()
        self.join(timeout)

    def kill(self):
        process, self.process = self.process, None
        assert process.poll() is None, f"{self.name} had ended by itself:\n{self.tail()}"
        process.kill()
        process.wait()
        self.judge()

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
            raise Ended(f"{self.name} has ended by itself with {code}:\n{self.tail()}")

    def fetch(self, listener, path):
        """(code, text); code 0: no answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address(listener)}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def probe(self, path):
        return self.fetch("health-probe", path)[0]

    def wait_until_ready(self, timeout=60):
        eventually(lambda: self.assert_running() or self.probe("/readyz") == 200, timeout, f"/readyz of {self.name} says ok")

    def metric(self, name, **labels):
        """Sum of the samples of this name that carry these labels."""
        code, text = self.fetch("metrics", "/metrics")
        assert code == 200
        total = 0.0
        for sample, found, value in re.findall(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", text, re.M):
            if sample == name and all(f'{k}="{v}"' in found for k, v in labels.items()):
                total += float(value)
        return total

    def rss(self, peak=False):
        """Bytes of memory that it holds now, or has held at its worst moment."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status, re.M)[1]) * 1024

    def descriptors(self):
        """How many files and sockets it has open."""
        return len(list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir()))

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
        assert not unexpected, f"{len(unexpected)} unexpected lines in the log of {self.name}, first ten:\n" + "\n".join(unexpected[:10])
