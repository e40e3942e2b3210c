"""Signed requests and what may happen to them on the way, from a seeded random."""

import base64
import dataclasses
import hashlib
import hmac
import json
import random
import string

NOW = 1_700_000_000
SCHEMES = ("github", "slack", "standard", "pagerduty", "circleback", "generic")


@dataclasses.dataclass
class Request:
    scheme: str
    headers: list  # of (name, value), in the order of the wire
    body: bytes
    secrets: list
    now: int = NOW

    def line(self):
        return json.dumps({"scheme": self.scheme, "headers": self.headers, "body": base64.b64encode(self.body).decode(),
                           "now": self.now, "secrets": self.secrets})

    def copy(self, **changes):
        return dataclasses.replace(self, **{"headers": list(self.headers), "secrets": list(self.secrets), **changes})

    def get(self, name):
        """The value as Node.js gives it: repeated fields joined."""
        return ", ".join(v for n, v in self.headers if n.lower() == name.lower())

    def has(self, name):
        return any(n.lower() == name.lower() for n, _ in self.headers)

    def set(self, name, value):
        self.headers = [(n, value if n.lower() == name.lower() else v) for n, v in self.headers]

    def rename(self, change):
        self.headers = [(change(n), v) for n, v in self.headers]


SIGNATURE = {"github": "X-Hub-Signature-256", "slack": "X-Slack-Signature", "pagerduty": "X-PagerDuty-Signature",
             "circleback": "X-Signature", "generic": "X-Signature"}


def signature_header(request):
    return SIGNATURE.get(request.scheme) or ("svix-signature" if request.has("svix-signature") else "webhook-signature")


def timestamp_header(request):
    if request.scheme == "slack":
        return "X-Slack-Request-Timestamp"
    return "svix-timestamp" if request.has("svix-timestamp") else "webhook-timestamp"


def key_of(secret):
    return base64.b64decode(secret.removeprefix("whsec_"))


def hex_mac(secret, text, name="sha256"):
    return hmac.new(secret.encode(), text, name).hexdigest()


def sign(scheme, secret, body, timestamp=str(NOW), id="msg_1"):
    """The value of the signature header."""
    if scheme == "slack":
        return "v0=" + hex_mac(secret, b"v0:" + timestamp.encode() + b":" + body)
    if scheme == "standard":
        digest = hmac.digest(key_of(secret), f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
        return "v1," + base64.b64encode(digest).decode()
    return {"github": "sha256=", "pagerduty": "v1=", "circleback": "", "generic": "sha256="}[scheme] + hex_mac(secret, body)


def a_secret(rng, scheme, size=None):
    if scheme == "standard":
        return rng.choice(["whsec_", ""]) + base64.b64encode(rng.randbytes(size or rng.randint(24, 64))).decode()
    return "".join(rng.choices(string.ascii_letters + string.digits + "+/=_ é", k=rng.randint(1, 80)))


def a_body(rng):
    kind = rng.random()
    if kind < 0.05:
        return b""
    if kind < 0.15:
        return rng.randbytes(rng.randint(1, 200))  # hardly ever UTF-8
    if kind < 0.6:
        return json.dumps({"text": "".join(rng.choices("abc \\\"é♥\u0000\n", k=rng.randint(0, 60)))},
                          ensure_ascii=rng.random() < 0.5).encode()
    return "".join(rng.choices(string.printable + "ü€😀", k=rng.randint(1, 3000))).encode()


def a_request(rng, scheme):
    """A request that is right in every respect."""
    secret = a_secret(rng, scheme)
    body = a_body(rng)
    timestamp = str(NOW + rng.choice([0, 0, 1, -1, 299, -299, 300, -300]))
    id = "msg_" + "".join(rng.choices(string.ascii_letters + "-_=", k=rng.randint(1, 30)))
    signature = sign(scheme, secret, body, timestamp, id)
    if scheme == "standard":
        brand = rng.choice(["webhook", "webhook", "svix"])
        headers = [(f"{brand}-id", id), (f"{brand}-timestamp", timestamp), (f"{brand}-signature", signature)]
    else:
        headers = [(SIGNATURE[scheme], signature)]
        if scheme == "slack":
            headers.append(("X-Slack-Request-Timestamp", timestamp))
    headers.append(("Content-Type", "application/json"))
    rng.shuffle(headers)
    secrets = [a_secret(rng, scheme) for _ in range(rng.randint(0, 2))]
    secrets.insert(rng.randint(0, len(secrets)), secret)
    return Request(scheme, [(rng.choice([n, n.lower(), n.upper()]), v) for n, v in headers], body, secrets)


def is_rightly_signed(request):
    """Whether one of its secrets made one of the signatures over just these bytes."""
    value = request.get(signature_header(request))
    given = {"standard": value.split(" "), "pagerduty": [p.strip() for p in value.split(",")]}.get(request.scheme, [value])
    if request.scheme != "standard":
        given = [g[:g.find("=") + 1] + g[g.find("=") + 1:].lower() for g in given]
    time, id = request.get(timestamp_header(request)), request.get("svix-id") or request.get("webhook-id")
    for secret in request.secrets:
        try:
            if sign(request.scheme, secret, request.body, time, id) in given:
                return True
        except ValueError:
            pass  # no base64
    return False


# ---------------------------------------------------------------- what may happen to it; (random, request) -> None

def resign(request, timestamp, signed=None):
    """Says another timestamp, rightly signed by whichever secret verified the request, or as `signed`."""
    value = request.get(signature_header(request))
    for secret in request.secrets:
        try:
            id = request.get("svix-id") or request.get("webhook-id")
            if sign(request.scheme, secret, request.body, request.get(timestamp_header(request)), id) == value:
                request.set(signature_header(request), sign(request.scheme, secret, request.body, signed or timestamp, id))
        except ValueError:
            pass  # not a secret any more
    request.set(timestamp_header(request), timestamp)


def change_body(rng, request):
    body = bytearray(request.body or b"x")
    at = rng.randrange(len(body))
    change = rng.randrange(4)
    if change == 0:
        body[at] ^= 1 << rng.randrange(8)
    elif change == 1:
        del body[at]
    elif change == 2:
        body.insert(at, rng.randrange(256))
    else:
        body += b"\n"
    request.body = bytes(body)


def change_signature(rng, request):
    value = request.get(signature_header(request))
    if not value:
        return
    at = rng.randrange(len(value))
    letter = rng.choice(string.ascii_letters + string.digits + "=,.;+/-_ ")
    request.set(signature_header(request), rng.choice([value[:at] + letter + value[at + 1:], value[:at] + value[at + 1:],
                                                       value[:at] + letter + value[at:], value[:at], value[at:]]).strip())


def upper_case_digest(rng, request):
    value = request.get(signature_header(request))
    prefix, equals, digest = value.rpartition("=")
    if request.scheme != "standard":
        request.set(signature_header(request), prefix + equals + digest.upper())


def upper_case_all(rng, request):
    request.set(signature_header(request), request.get(signature_header(request)).upper())


def more_behind_signature(rng, request):
    request.set(signature_header(request), request.get(signature_header(request)) + rng.choice(["=x", "=", ",x", ",", ";"]))


def list_of_signatures(rng, request):
    right = request.get(signature_header(request))
    other = rng.choice([right[:-6] + "AAAAA=", "v2=" + "0" * 64, "v1a,AAAA", "v1,", "v1=", "x", right])
    separator = rng.choice([" ", ",", ", ", "  ", " , ", ";"])
    request.set(signature_header(request), separator.join(rng.sample([right, other], 2)))


def repeat_header(rng, request):
    request.headers.append(rng.choice(request.headers))


def drop_header(rng, request):
    request.headers.pop(rng.randrange(len(request.headers)))


def empty_header(rng, request):
    request.set(rng.choice(request.headers)[0], "")


def drop_secret(rng, request):
    request.secrets.pop(rng.randrange(len(request.secrets)))
    if not request.secrets:
        request.secrets.append(a_secret(rng, request.scheme))


def move_clock(rng, request):
    request.now += rng.choice([1, -1, 300, -300, 301, -301, 602, -602, 3600, -3600])


def odd_timestamp(rng, request):
    time = request.get(timestamp_header(request)) or str(NOW)
    odd = rng.choice(["0" + time, "000" + time, time + ".0", time + ".9", time + "abc", "+" + time, "-" + time, "1.7e9",
                      hex(NOW), str(NOW * 5), time[:-1], "", "NaN", "Infinity", "0", time + "_", "1,700,000,000",
                      time + " " + time, str(NOW * 1000)])
    resign(request, odd, signed=rng.choice([odd, time, None]))


def dotted_id(rng, request):
    """Another split of the same signed text: id "a" and time "1" against id "a.1"."""
    for name in ("webhook-id", "svix-id"):
        if request.has(name):
            request.set(name, request.get(name) + ".1")
            secret = request.secrets[0]
            request.set(signature_header(request), sign("standard", secret, request.body,
                                                        request.get(timestamp_header(request)), request.get(name)))


def key_size(rng, request):
    """Signed with a key of another size than the specification has."""
    request.secrets = [a_secret(rng, "standard", size=rng.choice([1, 5, 16, 23, 65, 100]))]
    request.set(signature_header(request), sign("standard", request.secrets[0], request.body,
                                                request.get(timestamp_header(request)),
                                                request.get("svix-id") or request.get("webhook-id")))


def no_base64_secret(rng, request):
    at = rng.randrange(len(request.secrets))
    request.secrets[at] = rng.choice([request.secrets[at].rstrip("="), request.secrets[at] + "=",
                                      "whsec_" + request.secrets[at], "whsec_not base64!", request.secrets[at][:-3]])


def mix_families(rng, request):
    ours = "svix" if request.has("svix-id") else "webhook"
    other = {"svix": "webhook", "webhook": "svix"}[ours]
    names = [n for n, _ in request.headers if n.lower().startswith(ours + "-")]
    for name in rng.sample(names, rng.randint(1, len(names))):
        twin = other + name[len(ours):]
        if rng.random() < 0.5:
            request.headers.append((twin, rng.choice([request.get(name), "x"])))
        else:
            request.rename(lambda n, name=name, twin=twin: twin if n == name else n)


EVERYWHERE = [change_body, change_signature, upper_case_digest, upper_case_all, more_behind_signature, list_of_signatures,
              repeat_header, drop_header, empty_header, drop_secret, move_clock]
ONLY = {"slack": [odd_timestamp], "standard": [odd_timestamp, dotted_id, key_size, no_base64_secret, mix_families]}


def requests_of(scheme, count, seed):
    """Right requests, and ones with one or two changes."""
    rng = random.Random(f"{scheme} {seed}")
    changes = EVERYWHERE + 2 * ONLY.get(scheme, [])
    for _ in range(count):
        request = a_request(rng, scheme)
        for change in rng.sample(changes, rng.choice([0, 1, 1, 1, 2])):
            try:
                change(rng, request)
            except ValueError:  # an earlier change left nothing that this one could be made to
                pass
            if not request.headers:
                break
        yield request
