"""Everything that is thrown at the public endpoint: each gets its documented answer, and an honest sender never notices.

One gateway takes all of it, with an honest vendor beside each test. At the end its memory has stayed within its bounds, and the
database holds what was accepted, and nothing else.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import resource
import time
import urllib.parse
import uuid

import pytest

from support import platform, webhooks
from support.gateway import GatewayProcess
from support.hostile import Flood, Honest, Wire, another_address, ask, head
from support.waiting import eventually

BUDGET = 64  # MiB: --bytes-in-flight, its default
MEMORY = (64 + BUDGET + 16) << 20  # 122 MiB, and 132 on a machine that is busy
SLOW = 5000
CONFIG = """
endpoints:
- {name: hooks, org: acme, message: /title}
- {name: signed, org: acme, message: /title, signature: hmac}
secrets:
- {source: generic, endpoint: hooks, file: SECRET}
- {source: generic, endpoint: signed, file: SECRET}
"""
# One delivery of each source, and what a body of it may have at most.
MIB = 1 << 20
SOURCES = {
    "slack": (lambda: webhooks.slack(platform.channel(0)), 1 * MIB),
    "slack-interactions": (webhooks.slack_interaction, 1 * MIB),
    "github": (lambda: webhooks.github(platform.repo(0)), 25 * MIB),
    "pagerduty": (lambda: webhooks.pagerduty(platform.service(0)), 1 * MIB),
    "incidentio": (lambda: webhooks.incidentio(platform.alert_source(0)), 1 * MIB),
    "circleback": (webhooks.circleback, 1 * MIB),
    "generic": (lambda: webhooks.generic("hooks"), 1 * MIB),
}
OK = {"slack": 200, "slack-interactions": 200, "github": 202, "pagerduty": 202, "incidentio": 200, "circleback": 200, "generic": 202}


class Edge:
    """The gateway under attack, and what it must have stored."""

    def __init__(self, gateway, database):
        self.gateway, self.database, self.stored = gateway, database, set()
        self.address = ("127.0.0.1", gateway.ports["webhooks"])

    def honest(self):
        """A vendor of each source in turn, as a context manager."""
        makers = [make for name, (make, _) in SOURCES.items() if name != "slack-interactions"]
        return Honest(self.gateway.url, (make() for make in itertools.cycle(makers)))

    def accepted(self, *hooks):
        self.stored |= {hook.id for hook in hooks}

    def refused(self, status):
        """Requests that the listener answered by itself."""
        return self.gateway.metric("webhook_gateway_refused_total", listener="webhooks", status=str(status))

    def received(self, verdict):
        return self.gateway.metric("webhook_gateway_received_total", verdict=verdict)


@contextlib.contextmanager
def descriptors(limit):
    """So many for this process, and what it starts, at first: the gateway has to see to itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < SLOW + 1000:
        pytest.skip(f"{hard} descriptors are not enough")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def edge(state, pods, postgres, migrated, figure):
    database = postgres.create(template=migrated)
    directory = state / "gateway-hostile"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "secret").write_text(webhooks.SECRETS["generic"])
    (directory / "gateway.yaml").write_text(CONFIG.replace("SECRET", str(directory / "secret")))
    gateway = GatewayProcess(directory, database, None, roles="webhooks", pods=pods, config=directory / "gateway.yaml",
                             connections=6000, bytes_in_flight=BUDGET)
    with descriptors(1024):
        gateway.start()
    with contextlib.closing(gateway):
        edge = Edge(gateway, database)
        yield edge
        figure("memory of the gateway under hostile input, at its worst", gateway.rss(peak=True) / MIB, "MiB")
        assert gateway.rss(peak=True) < MEMORY
        assert set(platform.states(database)) == edge.stored
    database.drop()


@pytest.fixture(autouse=True)
def served(edge):
    """Whatever a test does, others are served meanwhile, and afterwards."""
    with edge.honest() as honest:
        yield honest
        seen = len(honest.accepted)
        eventually(lambda: len(honest.accepted) > seen or honest.refused, 60, "an honest vendor is served")
    assert not honest.refused, [(a.status, a.error, a.body) for a in honest.refused[:5]]
    edge.accepted(*(a.webhook for a in honest.accepted))
    edge.gateway.assert_running()


def of(name):
    return SOURCES[name][0]()


# ---------------------------------------------------------------- too many, too slow, too large


class Slow:
    """A request that never ends, of one address among many: of its header, or of its body, comes a byte now and then."""

    def __init__(self, address, source, body):
        self.address, self.source, self.body, self.wire, self.answers = address, source, body, None, []

    def poke(self):
        if self.wire is None:
            self.wire = Wire(self.address, self.source)
            self.wire.socket.setblocking(False)
            self.wire.send(head(of("slack"), length=MIB) if self.body else b"POST /webhooks/github HTTP/1.1\r\nHost: gateway\r\nX-Slow: ")
            return
        try:
            if answer := self.wire.socket.recv(4096):  # there is one only at its end
                self.answers.append(answer)
        except BlockingIOError:
            if self.wire.send(b"x"):
                return
        except ConnectionResetError:
            pass
        self.close()

    def close(self):
        if self.wire is not None:
            self.wire.close()
            self.wire = None


@pytest.mark.timeout(180)
def test_thousands_of_slow_connections(edge, served, figure):
    addresses = [another_address() for _ in range(100)]
    slow = [Slow(edge.address, addresses[i % 100], body=i % 4 > 0) for i in range(SLOW + 200)]

    def poke():
        for one in slow:
            one.poke()
        return edge.gateway.descriptors() > SLOW

    def cut():
        poke()
        return [answer for one in slow if not one.body for answer in one.answers]

    with descriptors(SLOW + 1000), contextlib.ExitStack() as stack:
        for one in slow:
            stack.callback(one.close)
        eventually(poke, 120, "so many are open at one time")
        figure("memory of the gateway with 5,000 slow connections", edge.gateway.rss() / MIB, "MiB")
        seen = len(served.accepted)
        eventually(lambda: poke() and len(served.accepted) > seen + 20, 60, "others are served beside them")
        eventually(cut, 60, "a header has its time, however lively it comes")
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in cut())
    eventually(lambda: edge.gateway.descriptors() < 1000, 60, "all are gone")


@pytest.mark.parametrize("name", SOURCES)
def test_a_body_over_its_sources_limit_is_refused_before_it_comes(edge, name):
    make, limit = SOURCES[name]
    before = edge.refused(413)
    with Wire(edge.address) as wire:
        wire.send(head(make(), length=limit + 1))
        assert wire.reply().status == 413
        assert wire.ends()
    with Wire(edge.address) as wire:
        wire.send(head(make(), length=10**18, headers={"Expect": "100-continue"}))
        assert wire.reply().status == 413, "it is not asked for the body"
    assert edge.refused(413) == before + 2


@pytest.mark.parametrize("name", SOURCES)
def test_a_body_without_end_is_refused_when_it_is_too_long(edge, name):
    make, limit = SOURCES[name]
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    with Wire(edge.address) as wire:
        wire.send(head(make(), headers={"Content-Length": None, "Transfer-Encoding": "chunked"}))
        sent = 0
        while wire.send(chunk) and sent < 2 * limit:
            sent += 0x10000
        answer = wire.reply()
        assert answer.status == 413
        assert (answer.headers.get("x-slack-no-retry") == "1") == name.startswith("slack")


def test_unfinished_bodies_share_a_budget(edge):
    """Together they would take more memory than there is for bodies: the later ones are sent away, small ones are not."""
    wires = [Wire(edge.address) for _ in range(BUDGET + 10)]
    try:
        for wire in wires:
            wire.socket.settimeout(60)
            wire.send(head(of("slack"), length=MIB), b"x" * (MIB - 1))
        for wire in wires:
            wire.socket.setblocking(False)

        def sent_away():
            for wire in wires:
                try:
                    wire.more()
                except (BlockingIOError, ConnectionResetError):
                    continue
            return [wire.buffer for wire in wires if wire.buffer]

        eventually(lambda: len(sent_away()) >= BUDGET // 4, 25, "a quarter of the budget is not for large bodies")
        answers = sent_away()
        assert all(answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in answer for answer in answers)
        assert len(answers) < len(wires), "there is room for some"
    finally:
        for wire in wires:
            wire.close()


def test_one_address_may_not_have_all_connections(edge, pods, state):
    gateway = GatewayProcess(state / "gateway-per-address", edge.database, None, roles="webhooks", pods=pods,
                             connections_per_address=10)
    with gateway:
        address = ("127.0.0.1", gateway.ports["webhooks"])
        greedy = [Wire(address, "127.0.0.2") for _ in range(10)]
        for wire in greedy:  # all are served, and are kept
            wire.send(b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n")
            assert wire.reply().status == 200
        with Wire(address, "127.0.0.2") as eleventh:
            answer = eleventh.reply()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert eleventh.ends()
        for _ in range(200):
            hook = of("github")
            assert ask(address, hook).status == 202, "others are not touched by it"
            edge.accepted(hook)
        for wire in greedy:
            wire.close()

        def again():
            hook = of("github")
            with Wire(address, "127.0.0.2") as wire:
                wire.send(head(hook), hook.body)
                if wire.reply().status == 202:
                    edge.accepted(hook)
                    return True

        eventually(again, 30)


# ---------------------------------------------------------------- what can be read in two ways

# A second request that a careless server, or a proxy that reads the first one differently, would find in its body.
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n"


def request(line=b"POST /webhooks/github HTTP/1.1", *fields, body=b""):
    return b"\r\n".join([line, b"Host: gateway", *fields, b"", b""]) + body


def post(*fields, body=b""):
    return request(b"POST /webhooks/github HTTP/1.1", *fields, body=body)


CHUNKED = b"Transfer-Encoding: chunked"
# name: (bytes, status)
FRAMING = {
    "length-and-chunks": (post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), 400),
    "chunks-and-length": (post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED), 400),
    "two-lengths": (post(b"Content-Length: 2", b"Content-Length: 47", body=b"{}" + SMUGGLED), 400),
    "two-equal-lengths": (post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}" + SMUGGLED), 400),
    "a-list-of-lengths": (post(b"Content-Length: 2, 2", body=b"{}" + SMUGGLED), 400),
    "a-negative-length": (post(b"Content-Length: -2", body=b"{}" + SMUGGLED), 400),
    "a-length-with-a-sign": (post(b"Content-Length: +2", body=b"{}" + SMUGGLED), 400),
    "a-hexadecimal-length": (post(b"Content-Length: 0x2", body=b"{}" + SMUGGLED), 400),
    "no-number": (post(b"Content-Length: two", body=b"{}" + SMUGGLED), 400),
    "an-empty-length": (post(b"Content-Length:", body=b"{}" + SMUGGLED), 400),
    "a-length-beyond-64-bits": (post(b"Content-Length: 18446744073709551618", body=b"{}" + SMUGGLED), 400),
    "gzip": (post(b"Transfer-Encoding: gzip", body=SMUGGLED), 501),
    "gzip-and-chunked": (post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + SMUGGLED), 501),
    "chunked-twice": (post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n" + SMUGGLED), 501),
    "two-codings": (post(CHUNKED, CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), 400),
    "a-coding-with-a-tab": (post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + SMUGGLED), 400),
    "identity": (post(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"{}" + SMUGGLED), 400),
    "chunks-of-http-1.0": (request(b"POST /webhooks/github HTTP/1.0", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), 400),
    "bare-lf": (b"POST /webhooks/github HTTP/1.1\nHost: gateway\n\n" + SMUGGLED, 400),
    "one-bare-lf": (post(b"X-A: b\nContent-Length: 47", body=SMUGGLED), 400),
    "bare-cr": (post(b"X-A: b\rContent-Length: 47", body=SMUGGLED), 400),
    "a-folded-line": (post(b"X-A: b", b" Content-Length: 47", body=SMUGGLED), 400),
    "space-before-colon": (post(b"Content-Length : 47", body=SMUGGLED), 400),
    "a-line-without-colon": (post(b"Content-Length", body=SMUGGLED), 400),
    "a-field-without-name": (post(b": 47", body=SMUGGLED), 400),
    "a-nul": (post(b"X-A: b\0c", b"Content-Length: 0", body=SMUGGLED), 400),
    "two-hosts": (post(b"Host: other", b"Content-Length: 0", body=SMUGGLED), 400),
    "no-host": (b"POST /webhooks/github HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + SMUGGLED, 400),
    "no-hexadecimal-chunk": (post(CHUNKED, body=b"zz\r\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    "a-negative-chunk": (post(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    "a-chunk-of-0x2": (post(CHUNKED, body=b"0x2\r\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    "a-chunk-beyond-64-bits": (post(CHUNKED, body=b"10000000000000002\r\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    "a-chunk-of-all-memory": (post(CHUNKED, body=b"fffffffffffffff0\r\n{}"), 413),
    "a-chunk-longer-than-it-says": (post(CHUNKED, body=b"1\r\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    "a-chunk-that-ends-in-lf": (post(CHUNKED, body=b"2\n{}\n0\n\n" + SMUGGLED), 400),
    "an-endless-size-line": (post(CHUNKED, body=b"2;" + b"x" * 40_000), 400),
    "an-endless-trailer": (post(CHUNKED, body=b"0\r\n" + b"X-A: b\r\n" * 5_000), 400),
    "a-large-header": (post(b"X-A: " + b"b" * 20_000), 431),
    "an-endless-header": (b"POST /webhooks/github HTTP/1.1\r\nX-A: " + b"b" * 20_000, 431),
    "many-fields": (post(*(b"X-%d: b" % i for i in range(150))), 431),
    "tls": (bytes.fromhex("16030100f8010000f40303") + b"\0" * 100, 400),
    "http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "http-1.2": (request(b"POST /webhooks/github HTTP/1.2", b"Content-Length: 0"), 505),
    "no-version": (b"POST /webhooks/github\r\n\r\n", 400),
    "a-whole-url": (request(b"POST http://gateway/webhooks/github HTTP/1.1", b"Content-Length: 0", body=SMUGGLED), 400),
    "connect": (request(b"CONNECT gateway:443 HTTP/1.1", body=SMUGGLED), 400),
    "options-of-all": (request(b"OPTIONS * HTTP/1.1", body=SMUGGLED), 400),
    "an-expectation": (post(b"Expect: 200-ok", b"Content-Length: 47", body=SMUGGLED), 417),
}


@pytest.mark.parametrize("name", FRAMING)
def test_ambiguous_framing_is_answered_once_and_ends_the_connection(edge, name):
    raw, status = FRAMING[name]
    with Wire(edge.address) as wire:
        wire.send(raw)
        assert wire.reply().status == status
        assert wire.ends(), "what stands behind it is not a request"


# ---------------------------------------------------------------- what nobody asked for

# name: (request line, further fields, status, fields of the answer)
STRANGE = {
    "unknown-path": (b"POST /webhooks/gitlab HTTP/1.1", (), 404, {}),
    "root": (b"GET / HTTP/1.1", (), 404, {}),
    "trailing-slash": (b"POST /webhooks/github/ HTTP/1.1", (), 404, {}),
    "upper-case": (b"POST /webhooks/GitHub HTTP/1.1", (), 404, {}),
    "two-slashes": (b"POST //webhooks/github HTTP/1.1", (), 404, {}),
    "percent-encoded": (b"POST /webhooks%2fgithub HTTP/1.1", (), 404, {}),
    "dots": (b"POST /x/../webhooks/github HTTP/1.1", (), 404, {}),
    "metrics": (b"GET /metrics HTTP/1.1", (), 404, {}),
    "admin": (b"GET /api/v1/admin/events HTTP/1.1", (), 404, {}),
    "an-endpoint-of-two-segments": (b"POST /webhooks/generic/hooks/x HTTP/1.1", (), 404, {}),
    "get": (b"GET /webhooks/github HTTP/1.1", (), 405, {"allow": "POST"}),
    "head": (b"HEAD /webhooks/github HTTP/1.1", (), 405, {"allow": "POST"}),
    "put": (b"PUT /webhooks/github HTTP/1.1", (), 405, {"allow": "POST"}),
    "options": (b"OPTIONS /webhooks/github HTTP/1.1", (), 405, {"allow": "POST"}),
    "trace": (b"TRACE /webhooks/slack/events HTTP/1.1", (), 405, {"allow": "POST"}),
    "invented-method": (b"BREW /webhooks/github HTTP/1.1", (), 405, {"allow": "POST"}),
    "lower-case-method": (b"post /webhooks/github HTTP/1.1", (), 405, {"allow": "POST"}),
    "gzip": (b"POST /webhooks/github HTTP/1.1", (b"Content-Encoding: gzip",), 415, {"accept-encoding": "identity"}),
    "two-encodings": (b"POST /webhooks/github HTTP/1.1", (b"Content-Encoding: identity", b"Content-Encoding: br"), 415, {}),
    "unsigned": (b"POST /webhooks/github HTTP/1.1", (), 401, {}),
    "ssl-check": (b"POST /webhooks/slack/interactions?ssl_check=1 HTTP/1.1", (), 401, {"x-slack-no-retry": "1"}),
    "health": (b"GET /health HTTP/1.1", (), 200, {}),
    "health-head": (b"HEAD /health HTTP/1.1", (), 200, {}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_requests_are_answered_and_cost_nobody_the_connection(edge, name):
    line, fields, status, expected = STRANGE[name]
    with Wire(edge.address) as wire:
        for _ in range(2):  # the second one: the connection is kept, and in step
            wire.send(request(line, b"Content-Length: 0", *fields))
            answer = wire.reply(head_only=line.startswith(b"HEAD"))
            assert answer.status == status
            assert expected.items() <= answer.headers.items()
        wire.send(request(b"GET /health HTTP/1.1"))
        assert wire.reply().status == 200


def test_an_endpoint_that_is_not_there_cannot_be_told_from_a_wrong_signature(edge):
    unknown, known = webhooks.generic("nobody"), webhooks.generic("hooks")
    wrong = ask(edge.address, known, headers=webhooks.sign_standard("whsec_" + "A" * 32, known, int(time.time())))
    missing = ask(edge.address, unknown)
    assert (missing.status, missing.body) == (wrong.status, wrong.body) == (401, wrong.body)
    assert missing.headers.keys() == wrong.headers.keys()


def test_a_body_is_invited_once_it_can_be_welcome(edge):
    hook = of("github")
    with Wire(edge.address) as wire:
        wire.send(head(hook, headers={"Expect": "100-continue"}))
        assert wire.reply().status == 100
        wire.send(hook.body)
        assert wire.reply().status == 202
    edge.accepted(hook)


# ---------------------------------------------------------------- what is signed by a right secret, or nearly


def test_a_right_signature_in_upper_case_is_one(edge):
    hook = of("github")
    signature = webhooks.signed(hook)["X-Hub-Signature-256"]
    assert ask(edge.address, hook, headers={"X-Hub-Signature-256": "sha256=" + signature[7:].upper()}).status == 202
    edge.accepted(hook)


@pytest.mark.parametrize("name", SOURCES)
def test_a_header_that_counts_may_be_there_once(edge, name):
    hook = of(name)
    signature = list(webhooks.SIGN[hook.source](webhooks.SECRETS[hook.source], hook, 0))
    for field in signature:
        answer = ask(edge.address, hook, repeated=[field])
        assert answer.status == 401, field
        assert (answer.headers.get("x-slack-no-retry") == "1") == name.startswith("slack")
    if name == "github":
        for field in ("Content-Type", "X-GitHub-Event", "X-GitHub-Delivery"):
            assert ask(edge.address, hook, repeated=[field]).status == 400, field


@pytest.mark.parametrize("name", SOURCES)
def test_a_signature_of_something_else_is_none(edge, name):
    hook, other = of(name), of(name)
    for wrong in (dataclasses.replace(hook, body=hook.body + b" "), dataclasses.replace(hook, body=b""), other):
        assert ask(edge.address, hook, headers=webhooks.signed(wrong), length=len(hook.body)).status == 401
    missing = {field: None for field in webhooks.SIGN[hook.source](webhooks.SECRETS[hook.source], hook, 0)}
    assert ask(edge.address, hook, headers=missing).status == 401


@pytest.mark.parametrize("name", ["slack", "incidentio", "generic"])
def test_a_clock_may_differ_by_five_minutes(edge, name):
    """Some seconds of tolerance where the time that the request itself takes would make it another one."""
    for difference in (-295, 299):
        hook = of(name)
        assert ask(edge.address, hook, headers=webhooks.signed(hook, now=int(time.time()) + difference)).status == OK[name]
        edge.accepted(hook)
    for difference in (-301, 360, -10**6, 10**6):
        hook = of(name)
        assert ask(edge.address, hook, headers=webhooks.signed(hook, now=int(time.time()) + difference)).status == 401
    for now in ("", "-1", "1e9", " ", "0x10", "9" * 30, f"{int(time.time())}.0"):
        hook = of(name)
        assert ask(edge.address, hook, headers=webhooks.signed(hook, now=now)).status == 401


BAD_JSON = {
    "deep-arrays": b"[" * 400_000,
    "deep-arrays-in-an-object": b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep-objects": b'{"a":' * 80_000 + b"1" + b"}" * 80_000,
    "invalid-utf-8": b'{"id":"\xff\xfe"}',
    "an-overlong-utf-8": b'{"id":"\xc0\xaf"}',
    "a-surrogate": b'{"id":"\xed\xa0\x80"}',
    "half-an-escaped-surrogate": b'{"id":"\\ud800"}',
    "an-escaped-nul": b'{"id":"a\\u0000b"}',
    "an-escaped-nul-in-a-key": b'{"a\\u0000b":1}',
    "a-nul": b'{"id":"a\0b"}',
    "a-nul-at-the-end": b'{"id":"a"}\0',
    "nothing": b"",
    "null": b"null",
    "an-array": b"[{}]",
    "a-text": b'"a"',
    "half-an-object": b'{"id":"a"',
    "two-objects": b"{}{}",
    "a-byte-order-mark": b"\xef\xbb\xbf{}",
    "not-a-number": b'{"id":NaN}',
    "single-quotes": b"{'id':1}",
    "a-control-character": b'{"id":"a\nb"}',
}


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_signed_and_not_json_is_refused_and_not_stored(edge, name):
    before = edge.received("malformed")
    for what, text in BAD_JSON.items():
        hook = of(name)
        body = b"payload=" + urllib.parse.quote(text, safe="[]{}:,").encode() if name == "slack-interactions" else text
        answer = ask(edge.address, dataclasses.replace(hook, body=body))
        assert answer.status == 400, what
        assert (answer.headers.get("x-slack-no-retry") == "1") == name.startswith("slack"), what
    assert edge.received("malformed") - before == len(BAD_JSON)


def test_forms_that_are_not_one(edge):
    payload = webhooks.slack_interaction().body
    for body in (b"", b"payload", b"payload=%", b"payload=%zz", payload + b"&" + payload, payload.replace(b"payload=", b"other="),
                 b"ssl_check=1", b"payload=%00", b"payload=%ff%fe"):
        hook = dataclasses.replace(webhooks.slack_interaction(), body=body)
        assert ask(edge.address, hook).status == 400, body[:20]


def test_a_form_of_github_is_told_what_to_do(edge):
    hook = of("github")
    form = dataclasses.replace(hook, body=b"payload=" + urllib.parse.quote(hook.body).encode())
    answer = ask(edge.address, form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 415 and b"application/json" in answer.body


def filled(hook, value, size):
    """Of nearly that size, by one more member that nobody reads."""
    filler = b',"filler":[' + value * ((size - len(hook.body) - 20) // len(value)) + b"0]}"
    return dataclasses.replace(hook, body=hook.body[:-1] + filler)


@pytest.mark.parametrize("value", [b"0,", b"[],", b'"",', b'{"":0},'])
def test_what_would_be_many_times_its_size_in_memory_is_refused(edge, value):
    """As large as it may be, well-formed, signed, and from many at once."""
    hooks = [filled(of(name), value, MIB) for name in ("slack", "pagerduty", "incidentio", "generic") for _ in range(2)]
    answers = webhooks.send_all(edge.gateway.url, hooks, concurrency=8)
    assert {a.status for a in answers} == {400}, [(a.status, a.error) for a in answers]


def test_the_largest_bodies_are_taken_in(edge, served):
    """Or sent away for the moment, when several come at once or the database is slow."""
    edge.gateway.expect_errors("did not answer in time")
    for name, size in (("slack", MIB), ("generic", MIB), ("github", 25 * MIB)):
        hooks = [filled(of(name), b'"a text of a usual size",', size) for _ in range(3)]
        answers = webhooks.send_all(edge.gateway.url, hooks, concurrency=3, patience=60, timeout=60)
        assert {a.status for a in answers} == {OK[name]}, [(a.status, a.error) for a in answers]
        edge.accepted(*hooks)


def test_what_was_seen_is_accepted_and_not_stored_again(edge):
    before = edge.received("duplicate"), edge.received("altered")
    for name in ("slack", "github", "pagerduty", "incidentio", "circleback", "generic"):
        hook = of(name)
        old = webhooks.signed(hook)
        for _ in range(3):
            assert ask(edge.address, hook, headers=old).status == OK[name], "the sender is to stop"
        edge.accepted(hook)
    # GitHub signs only the body: somebody who has seen one delivery can send it under another id and name.
    hook = of("github")
    assert ask(edge.address, hook).status == 202
    for forged in ({"X-GitHub-Delivery": str(uuid.uuid4())}, {"X-GitHub-Delivery": str(uuid.uuid4()), "X-GitHub-Event": "push"}):
        assert ask(edge.address, hook, headers=forged).status == 202
    # Another body under a known id: the first one counts.
    other = dataclasses.replace(of("github"), headers=hook.headers)
    assert ask(edge.address, other).status == 202
    edge.accepted(hook)
    assert (edge.received("duplicate") - before[0], edge.received("altered") - before[1]) == (6 * 2 + 2, 1)


# ---------------------------------------------------------------- a flood


@pytest.mark.timeout(180)
def test_a_flood_of_wrong_signatures(edge, served, figure, total=50_000):
    """From the address that the honest vendor has as well; whom they claim to come from counts for nothing."""
    before = edge.received("bad_signature")
    start = time.monotonic()
    statuses = Flood(edge.address, total).run()
    seconds = time.monotonic() - start
    figure("wrong signatures refused", total / seconds, "/s")
    assert set(statuses) == {401, 429} and sum(statuses.values()) == total
    assert 60 <= statuses[401] <= 60 + seconds + 1, "one address may fail 60 times, and once a second"
    assert edge.received("bad_signature") - before == total
    with open(edge.gateway.log, encoding="utf-8") as log:
        told = sum('"bad_signature"' in line for line in log)
    assert told < statuses[401] + 100, "the log is not flooded"
    answer = ask(edge.address, of("github"), source="127.0.0.1", headers={"X-Hub-Signature-256": "sha256=" + os.urandom(32).hex()})
    assert answer.status in (401, 429)
    if answer.status == 429:
        assert int(answer.headers["retry-after"]) > 0
        assert "detail" in json.loads(answer.body)
