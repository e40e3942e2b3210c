"""What no vendor sends: connections that are written to byte by byte, from many addresses, and floods of wrong signatures."""

import collections
import dataclasses
import itertools
import os
import socket
import threading

from support import webhooks

# Loopback is a whole network. Each hostile test has addresses of its own, so that what one address may do too often is
# never used up by another test.
_ADDRESSES = (f"127.{a}.{b}.{c}" for a in range(2, 255) for b in range(255) for c in range(1, 255))
PATIENCE = 60  # seconds for anything at all, on a machine that is busy


def another_address():
    return next(_ADDRESSES)


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    headers: dict  # by lower-case name
    body: bytes


class Wire:
    """A connection whose bytes are the test's own. Use it in a `with`."""

    def __init__(self, address, source=None):
        self.socket = socket.create_connection(address, PATIENCE, source_address=(source or another_address(), 0))
        self.buffer = b""

    def send(self, *parts):
        """What the other side does not take any more is its own loss: it has answered, or closed."""
        try:
            self.socket.sendall(b"".join(parts))
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def more(self):
        part = self.socket.recv(1 << 16)
        self.buffer += part
        return part

    def reply(self, head_only=False):
        """The next answer, or None when the connection ends without one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert not self.buffer, self.buffer
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = 0 if head_only else int(headers.get("content-length", 0))
        while len(self.buffer) < size and self.more():
            pass
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        assert len(body) == size, "the answer was cut"
        return Reply(int(first.split()[1]), headers, body)

    def ends(self):
        """Whether the other side closes, and says nothing before it does."""
        return self.reply() is None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def head(webhook, length=None, headers=None, method="POST", repeated=()):
    """The bytes of a signed webhook's header. `headers` replace those of its name, or with None remove it."""
    fields = {"Host": "gateway", "Content-Length": str(len(webhook.body) if length is None else length)}
    fields |= webhooks.signed(webhook) | (headers or {})
    lines = [f"{method} {webhook.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    lines += [f"{name}: {fields[name]}" for name in repeated]
    return "\r\n".join([*lines, "", ""]).encode()


def ask(address, webhook, source=None, **options):
    """The answer to one webhook on a connection of its own."""
    with Wire(address, source) as wire:
        wire.send(head(webhook, **options), webhook.body)
        return wire.reply()


class Flood:
    """Many requests to GitHub's endpoint, each with a wrong signature of its own, over few connections that are kept.

    Each claims to have been forwarded for somebody else.
    """

    BATCH = 200  # on their way at once

    def __init__(self, address, total, connections=4):
        self.address, self.statuses = address, collections.Counter()
        self.shares = [total // connections + (i < total % connections) for i in range(connections)]
        self.lock, self.failures = threading.Lock(), []

    def run(self):
        threads = [threading.Thread(target=self.work, args=(share,)) for share in self.shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures[0]
        return self.statuses

    def work(self, left):
        try:
            with Wire(self.address, "127.0.0.1") as wire:  # the address of honest senders as well
                while left > 0:
                    batch = min(left, self.BATCH)
                    left -= batch
                    assert wire.send(*(self.request() for _ in range(batch)))
                    found = collections.Counter(getattr(wire.reply(), "status", None) for _ in range(batch))
                    with self.lock:
                        self.statuses += found
        except Exception as error:  # told by run()
            self.failures.append(error)

    @staticmethod
    def request():
        dice = os.urandom(36)
        return (b"POST /webhooks/github HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
                b"X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\nX-Hub-Signature-256: sha256=%s\r\n"
                b"X-Forwarded-For: %d.%d.%d.%d\r\nContent-Length: 2\r\n\r\n{}" % (dice[:32].hex().encode(), *dice[32:]))


class Honest(threading.Thread):
    """A vendor that has nothing to do with it: sends one webhook after the other, as long as the block of `with` lasts."""

    def __init__(self, url, hooks):
        super().__init__()
        self.url, self.hooks, self.over = url, hooks, threading.Event()
        self.accepted, self.refused = [], []

    def run(self):
        again = []
        while not self.over.is_set():
            answers = webhooks.send_all(self.url, again + list(itertools.islice(self.hooks, 8)), concurrency=4)
            self.accepted += (a for a in answers if a.accepted)
            # Only the database may keep somebody waiting: on a busy machine it can take longer than its time.
            slow = [a for a in answers if a.status == 503 and b"unavailable" in a.body]
            self.refused += (a for a in answers if not a.accepted and a not in slow)
            again = [a.webhook for a in slow]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
