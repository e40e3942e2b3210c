"""Webhooks as their vendors send them: payloads with ids of their own, signatures, and a sender for many at once.

The payloads are those of examples/webhooks, changed where a test says so. What signs them here shares no code with
examples/send-webhook or with the gateway.
"""

import asyncio
import base64
import copy
import dataclasses
import hashlib
import hmac
import itertools
import json
import pathlib
import time
import urllib.parse
import uuid

import aiohttp

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "webhooks"
# What the gateway of the tests is given; whsec_ where base64 is asked for.
SECRETS = {
    "slack": "8f742231b10e8888abcd99yyyzzz85a5", "github": "It's a Secret to Everybody", "pagerduty": "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itB",
    "incidentio": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "circleback": "a circleback signing secret",
    "generic": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "probe": "whsec_cHJvYmVzIG9mIHRoZSB0ZXN0cyBhcmUgc2lnbmVk",
}
_COUNTER = itertools.count(1)
_SAMPLES = {}


@dataclasses.dataclass(frozen=True)
class Webhook:
    """A delivery, not yet signed. `key` is a text of its own that reaches the agent, in the message of the run."""

    source: str
    path: str
    body: bytes
    id: str
    key: str = ""
    headers: dict = dataclasses.field(default_factory=dict)


# ---------------------------------------------------------------- payloads


def sample(name):
    if name not in _SAMPLES:
        _SAMPLES[name] = json.loads((SAMPLES / f"{name}.json").read_text())
    return copy.deepcopy(_SAMPLES[name])


def unique():
    return f"{next(_COUNTER)}-{uuid.uuid4().hex[:12]}"


def encoded(payload):
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


JSON = {"Content-Type": "application/json"}


def slack(channel, text=None, kind="app_mention", **event):
    """A mention in a channel. Keys of the inner event can be set or, with None, removed."""
    key = unique()
    payload = sample("slack")
    payload["event_id"] = "Ev" + key.replace("-", "").upper()
    its = payload["event"]
    del its["blocks"]
    ts = f"{1_768_000_000 + uuid.uuid4().int % 10**7}.{uuid.uuid4().int % 10**6:06}"
    its |= {"type": kind, "channel": channel, "ts": ts, "event_ts": ts, "client_msg_id": str(uuid.uuid4()),
            "text": f"<@U0BOT> {text or 'checkout is down'} [{key}]"} | event
    payload["event"] = {k: v for k, v in its.items() if v is not None}
    return Webhook("slack", "/webhooks/slack/events", encoded(payload), payload["event_id"], key, JSON)


def slack_interaction(action_id="feedback_positive", value=None, response_url=None, **payload_keys):
    """A click on a button under an agent's answer."""
    payload = sample("slack-interaction") | payload_keys
    action = payload["actions"][0]
    action |= {"action_id": action_id, "action_ts": f"{time.time():.6f}", "block_id": unique()}
    if value is not None:
        action["value"] = value if isinstance(value, str) else json.dumps(value)
    if response_url is not None:
        payload["response_url"] = response_url
    body = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode()
    return Webhook("slack", "/webhooks/slack/interactions", body, action["block_id"], "", {"Content-Type": "application/x-www-form-urlencoded"})


def github(repo, text=None, event="issue_comment", **payload_keys):
    """A comment that mentions the bot."""
    key, delivery = unique(), str(uuid.uuid4())
    payload = sample("github") | payload_keys
    owner, _, name = repo.partition("/")
    payload["repository"] |= {"full_name": repo, "name": name}
    payload["repository"]["owner"]["login"] = owner
    payload["comment"] |= {"id": uuid.uuid4().int % 10**15, "body": f"@incidentfox {text or 'what has changed?'} [{key}]"}
    return Webhook("github", "/webhooks/github", encoded(payload), delivery, key,
                   JSON | {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "User-Agent": "GitHub-Hookshot/tests"})


def pagerduty(service, title=None, event_type="incident.triggered", incident=None):
    key = unique()
    payload = sample("pagerduty")
    event = payload["event"]
    event |= {"id": key.replace("-", "").upper(), "event_type": event_type}
    event["data"] |= {"id": incident or f"Q{key.replace('-', '').upper()}", "title": f"{title or 'checkout is down'} [{key}]"}
    event["data"]["service"]["id"] = service
    return Webhook("pagerduty", "/webhooks/pagerduty", encoded(payload), event["id"], key, JSON | {"X-Webhook-Id": str(uuid.uuid4())})


def incidentio(alert_source, title=None, event_type="public_alert.alert_created_v1"):
    key = unique()
    alert = sample("incidentio").popitem()[1] | {"id": f"01{key.upper()}", "alert_source_id": alert_source,
                                                 "title": f"{title or 'checkout is down'} [{key}]"}
    return Webhook("incidentio", "/webhooks/incidentio", encoded({"event_type": event_type, event_type: alert}), f"msg_{key}", key, JSON)


def circleback():
    payload = sample("circleback") | {"id": uuid.uuid4().int % 10**12}
    return Webhook("circleback", "/webhooks/circleback", encoded(payload), str(payload["id"]), "", JSON)


def generic(endpoint, **payload_keys):
    key = unique()
    payload = sample("generic") | {"id": key, "title": f"checkout is down [{key}]"} | payload_keys
    return Webhook("generic", f"/webhooks/generic/{endpoint}", encoded(payload), f"msg_{key}", key, JSON)


# ---------------------------------------------------------------- signatures


def mac(secret, *parts):
    return hmac.new(secret if isinstance(secret, bytes) else secret.encode(), b"".join(parts), hashlib.sha256)


def sign_slack(secret, webhook, now):
    return {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": "v0=" + mac(secret, f"v0:{now}:".encode(), webhook.body).hexdigest()}


def sign_github(secret, webhook, now):
    return {"X-Hub-Signature-256": "sha256=" + mac(secret, webhook.body).hexdigest()}


def sign_pagerduty(secret, webhook, now):
    return {"X-PagerDuty-Signature": "v1=" + mac(secret, webhook.body).hexdigest()}


def sign_standard(secret, webhook, now):
    digest = mac(base64.b64decode(secret.removeprefix("whsec_")), f"{webhook.id}.{now}.".encode(), webhook.body).digest()
    return {"webhook-id": webhook.id, "webhook-timestamp": str(now), "webhook-signature": "v1," + base64.b64encode(digest).decode()}


def sign_circleback(secret, webhook, now):
    return {"x-signature": mac(secret, webhook.body).hexdigest()}


SIGN = {"slack": sign_slack, "github": sign_github, "pagerduty": sign_pagerduty, "incidentio": sign_standard,
        "circleback": sign_circleback, "generic": sign_standard}


def signed(webhook, secret=None, now=None):
    """All headers of a delivery. `now` is when the vendor says it sent it."""
    secret, now = secret or SECRETS[webhook.source], int(time.time()) if now is None else now
    return webhook.headers | SIGN[webhook.source](secret, webhook, now)


# ---------------------------------------------------------------- sending


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one webhook got in the end. `status` is 0 when the last try had none: then `error` says why."""

    webhook: Webhook
    status: int
    body: bytes = b""
    error: str = ""
    tries: int = 1
    at: float = 0.0  # when it came, as time.time()
    seconds: float = 0.0  # of the last try

    @property
    def accepted(self):
        return 200 <= self.status < 300


class Sender:
    """Sends many webhooks over connections that it keeps, as a vendor's servers do. Use it in an `async with`.

    One that is refused (429, 5xx) or not answered is sent again until `patience` seconds are over, as vendors do; so is one whose
    answer got lost, and the gateway sees it twice. Signatures are made anew for each try.
    """

    def __init__(self, url, concurrency=32, patience=0.0, timeout=30.0, secret=None):
        """`url` may be a function that is asked for each try."""
        self.url = url if callable(url) else lambda: url
        self.concurrency, self.patience, self.timeout, self.secret = concurrency, patience, timeout, secret
        self.session = None

    async def __aenter__(self):
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        self.session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=self.timeout))
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    async def send(self, webhook):
        deadline = time.monotonic() + self.patience
        for tries in itertools.count(1):
            answer = await self.try_once(webhook, tries)
            if answer.accepted or 400 <= answer.status < 500 and answer.status != 429 or time.monotonic() >= deadline:
                return answer
            await asyncio.sleep(min(0.1 * tries, 1.0))

    async def try_once(self, webhook, tries=1):
        start = time.monotonic()
        try:
            async with self.session.post(self.url() + webhook.path, data=webhook.body, headers=signed(webhook, self.secret)) as response:
                body = await response.read()
                return Answer(webhook, response.status, body, "", tries, time.time(), time.monotonic() - start)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            return Answer(webhook, 0, b"", f"{type(error).__name__}: {error}", tries, time.time(), time.monotonic() - start)

    async def send_all(self, webhooks):
        """The answers, in the order of the webhooks, which may be a generator: no more than `concurrency` are out at once."""
        left, answers = enumerate(webhooks), {}

        async def work():
            for i, webhook in left:
                answers[i] = await self.send(webhook)

        await asyncio.gather(*(work() for _ in range(self.concurrency)))
        return [answers[i] for i in sorted(answers)]


def send_all(url, webhooks, **options):
    """For tests that are not asynchronous themselves."""
    async def run():
        async with Sender(url, **options) as sender:
            return await sender.send_all(webhooks)

    return asyncio.run(run())


def send(url, webhook, **options):
    return send_all(url, [webhook], concurrency=1, **options)[0]


class KeepAlive:
    """One connection of a vendor that keeps it as long as it may: it comes back to where `target()` says, (host, port), only when it was
    told `Connection: close`. No request is ever sent again, so every one that fails is one that the other side has cut."""

    def __init__(self, target):
        self.target, self.reader, self.writer, self.connections = target, None, None, 0

    async def send(self, webhook):
        """The status. An OSError, asyncio.IncompleteReadError or ValueError is a request that failed."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(*self.target())
            self.connections += 1
        head = {"Host": "gateway", "Content-Length": str(len(webhook.body))} | signed(webhook)
        lines = [f"POST {webhook.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        self.writer.write("\r\n".join(lines).encode() + webhook.body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in answer[1:])}
        await self.reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return int(answer[0].split()[1])

    async def close(self):
        if self.writer is not None:
            self.writer.close()
            self.reader = self.writer = None
