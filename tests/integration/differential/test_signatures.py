"""Our verdicts on thousands of requests, right and tampered with, against those of other people's verifiers.

They may differ only in the ways of DIFFERENCES. A way says when it applies and, where there is such a thing, how the
request looks without the peculiarity; there both must agree, so nothing else can hide behind it. Whatever we accept is
signed by one of the secrets besides."""

import base64
import dataclasses
import json
import os
import pathlib
import re
import subprocess

import pytest

from support.cluster import ROOT

from . import signed_requests as made
from .signed_requests import Request, signature_header, timestamp_header

COUNT = 3000  # of each scheme; a few seconds
OURS = pathlib.Path(os.environ["TP_BIN"]).parent / "tests" / "bin" / "verify_signatures"
ANOTHER = "whsec_" + "A" * 32  # a secret that signed nothing
HEX_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{64,128}(?![0-9A-Za-z])")


@pytest.fixture(scope="session")
def node():
    return pathlib.Path(subprocess.run([ROOT / "tools" / "deps", "--node"], check=True, capture_output=True,
                                       text=True).stdout.strip())


def run(command, requests):
    done = subprocess.run([str(word) for word in command], input="".join(r.line() + "\n" for r in requests),
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(requests)
    return lines


@pytest.fixture(scope="session")
def judge(node):
    """[(our verdict, {oracle: whether it accepts}), ...] of requests."""
    oracles = [node / "bin" / "node", ROOT / "tests" / "integration" / "differential" / "oracles.mjs", node]
    return lambda requests: list(zip(run([OURS], requests), map(json.loads, run(oracles, requests)), strict=True))


# ---------------------------------------------------------------- the ways in which we differ

@dataclasses.dataclass
class Difference:
    oracle: str
    why: str
    applies: object  # Request -> bool
    without: object = None  # Request -> the same without the peculiarity; None: nothing like it can be made
    alone: bool = True  # makes a difference also where no other one does


def is_text(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def lower_hex(request):
    changed = request.copy()
    changed.set(signature_header(request),
                HEX_DIGEST.sub(lambda m: m.group().lower(), request.get(signature_header(request))))
    return changed


def has_upper_hex(request):
    return any(digest != digest.lower() for digest in HEX_DIGEST.findall(request.get(signature_header(request))))


def numbers(request, parse):
    text = request.get(timestamp_header(request))
    number = parse(text)
    return number is not None and number != text


def with_number(parse):
    def change(request):
        changed = request.copy()
        changed.set(timestamp_header(request), parse(request.get(timestamp_header(request))))
        return changed
    return change


def js_number(text):  # Number(text)
    try:
        value = int(text, 16) if text.startswith("0x") else float(text)
    except ValueError:
        return None
    return str(int(value)) if value == value and abs(value) < 1e21 and value == int(value) and "_" not in text else None


def js_parse_int(text):  # parseInt(text, 10)
    found = re.match(r"[+-]?\d+", text)
    return str(int(found.group())) if found else None


def at_its_own_time(request):
    return request.copy(now=int(request.get(timestamp_header(request))))


def families(request):
    return {name.lower().split("-")[0] for name, _ in request.headers} & {"svix", "webhook"}


def is_complete(request, family):
    return all(request.has(f"{family}-{part}") for part in ("id", "timestamp", "signature"))


def as_svix_sees_it(request):
    changed = request.copy()
    for part in ("id", "timestamp", "signature"):
        if changed.has(f"svix-{part}"):
            changed.headers = [h for h in changed.headers if h[0].lower() != f"webhook-{part}"]
    changed.rename(lambda n: re.sub("(?i)^svix-", "webhook-", n))
    return changed


def only_webhook(request):
    return request.copy(headers=[h for h in request.headers if not h[0].lower().startswith("svix-")])


def standard_keys(request, allowed):
    kept = []
    for secret in request.secrets:
        try:
            if allowed(len(made.key_of(secret))):
                kept.append(secret)
        except ValueError:
            pass
    return kept


def strict_secrets(request):
    def strict(secret):
        text = secret.removeprefix("whsec_")
        try:
            return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
        except ValueError:
            return False
    return request.copy(secrets=[s for s in request.secrets if strict(s)] or [ANOTHER])


def is_repeated(request):
    name = signature_header(request).lower()
    return any(sum(n.lower() == h.lower() for n, _ in request.headers) > 1
               for h in (name, timestamp_header(request), name.replace("signature", "id")))


def joined(request):
    """Each header once, as Node.js joins them."""
    names = {n.lower(): n for n, _ in request.headers}
    return request.copy(headers=[(n, request.get(n)) for n in names.values()])


def signature_parts(request, change):
    changed = request.copy()
    parts = request.get(signature_header(request)).split(" ")
    changed.set(signature_header(request), " ".join(change(p) for p in parts))
    return changed


NOT_TEXT = "we verify the bytes that came; it verifies what is left of them as text"
UPPER = "digits of a right digest may be upper-case for us: we compare bytes, it compares texts"
NOT_PLAIN = "we sign the timestamp as it came, and take digits only; it makes a number of it first"
REPEATED = "a header that came twice is refused: who stands between us may have read the other one"

# Peculiarities are taken out in this order.
DIFFERENCES = {
    "github": [
        Difference("octokit", UPPER, has_upper_hex, lower_hex),
        Difference("octokit", NOT_TEXT, lambda r: not is_text(r.body)),
        Difference("octokit", "an empty body can be signed too", lambda r: r.body == b""),
    ],
    "slack": [
        Difference("bolt", UPPER, has_upper_hex, lower_hex),
        Difference("bolt", NOT_TEXT, lambda r: not is_text(r.body)),
        Difference("bolt", NOT_PLAIN, lambda r: numbers(r, js_number), with_number(js_number)),
        Difference("bolt", "a fraction is a number too, and so is Infinity, which is never too old",
                   lambda r: float(r.get(timestamp_header(r))) % 1 != 0),
        Difference("bolt", "a timestamp has at most 12 digits for us, enough until the year 33658",
                   lambda r: re.fullmatch(r"\d{13,}", r.get(timestamp_header(r)))),
        Difference("bolt", "it looks for timestamps that are too old only; a request from the future is one that "
                   "can be replayed for longer",
                   lambda r: re.fullmatch(r"\d{1,12}", r.get(timestamp_header(r)))
                   and int(r.get(timestamp_header(r))) > r.now + 300, at_its_own_time),
        Difference("bolt", "it does not look at what stands behind a second =",
                   lambda r: r.get(signature_header(r)).count("=") > 1,
                   lambda r: signature_parts(r, lambda p: "=".join(p.split("=")[:2]))),
    ],
    "standard": [
        Difference("standardwebhooks", "it does not know Svix's own names",
                   lambda r: families(r) == {"svix"}, as_svix_sees_it),
        Difference("standardwebhooks", "two families of headers leave open which of them was signed",
                   lambda r: len(families(r)) == 2, only_webhook),
        Difference("svix", "the same, and it prefers its own",
                   lambda r: len(families(r)) == 2 and is_complete(r, "svix"), as_svix_sees_it),
        Difference("svix", "it puts one family together from two",
                   lambda r: len(families(r)) == 2 and not is_complete(r, "svix"), as_svix_sees_it),
        *(difference for oracle in ("standardwebhooks", "svix") for difference in [
            # Joined, it is a number with something behind it, or a list with commas.
            Difference(oracle, REPEATED, is_repeated, joined, alone=False),
            Difference(oracle, NOT_TEXT, lambda r: not is_text(r.body)),
            Difference(oracle, NOT_PLAIN, lambda r: numbers(r, js_parse_int), with_number(js_parse_int)),
            Difference(oracle, "keys have at least the 24 bytes of the specification for us",
                       lambda r: standard_keys(r, lambda n: 0 < n < 24),
                       lambda r: r.copy(secrets=standard_keys(r, lambda n: n >= 24) or [ANOTHER])),
            Difference(oracle, "keys have at most the 64 bytes of the specification for us",
                       lambda r: standard_keys(r, lambda n: n > 64),
                       lambda r: r.copy(secrets=standard_keys(r, lambda n: n <= 64) or [ANOTHER])),
            Difference(oracle, "a secret is base64 with just the padding it needs for us",
                       lambda r: strict_secrets(r).secrets != r.secrets, strict_secrets),
            Difference(oracle, "an id with a dot could be split in another place",
                       lambda r: "." in r.get("webhook-id") + r.get("svix-id")),
            Difference(oracle, "it does not look at what stands behind a second comma",
                       lambda r: any(p.count(",") > 1 for p in r.get(signature_header(r)).split(" ")),
                       lambda r: signature_parts(r, lambda p: ",".join(p.split(",")[:2]))),
        ]),
    ],
    "pagerduty": [
        Difference("documentation", REPEATED, is_repeated, joined),
        Difference("documentation", UPPER, has_upper_hex, lower_hex),
    ],
    "circleback": [Difference("documentation", UPPER, has_upper_hex, lower_hex)],
    "generic": [Difference("documentation", UPPER, has_upper_hex, lower_hex)],
}


def applies(difference, request):
    try:
        return bool(difference.applies(request))
    except ValueError:
        return False


def without_peculiarities(request, oracle):
    """(the request without them, the ways that apply)"""
    ways = []
    for way in DIFFERENCES[request.scheme]:
        if way.oracle == oracle and applies(way, request):
            ways.append(way)
            request = way.without(request) if way.without else request
    return request, ways


@pytest.mark.parametrize("scheme", made.SCHEMES)
def test_verdicts_differ_only_where_we_say(judge, scheme):
    requests = list(made.requests_of(scheme, COUNT, seed=1))
    judged = judge(requests)
    accepted = sum(ours == "verified" for ours, _ in judged)
    assert COUNT / 4 < accepted < COUNT * 3 / 4
    assert len({ours for ours, _ in judged}) >= (7 if scheme in ("slack", "standard") else 4)
    # The worst mistake, looked for with no oracle in between.
    assert [r for r, (ours, _) in zip(requests, judged, strict=True) if ours == "verified" and not made.is_rightly_signed(r)] == []

    differing = [(request, oracle) for request, (ours, theirs) in zip(requests, judged, strict=True)
                 for oracle, accepts in theirs.items() if accepts != (ours == "verified")]
    mended = [without_peculiarities(request, oracle) for request, oracle in differing]
    for (request, oracle), (changed, ways), (ours, theirs) in zip(
            differing, mended, judge([changed for changed, _ in mended]), strict=True):
        assert ways, f"{oracle}: {theirs[oracle]}, we: {ours}, of {request}"
        assert theirs[oracle] == (ours == "verified") or any(way.without is None for way in ways), (
            f"{oracle}: {theirs[oracle]}, we: {ours}, of {changed} without {[way.why for way in ways]}; it was {request}")
    happened = [id(ways[0]) for _, ways in mended if len(ways) == 1]
    assert [way for way in DIFFERENCES[scheme] if way.alone and id(way) not in happened] == [], "these alone make no difference any more"


def test_every_example_payload_of_github_verifies(node, judge):
    hooks = json.loads((node / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json").read_text())
    bodies = [json.dumps(example, ensure_ascii=False).encode() for hook in hooks for example in hook["examples"]]
    assert len(bodies) > 200
    right = [Request("github", [("X-Hub-Signature-256", made.sign("github", "s", body))], body, ["s"]) for body in bodies]
    wrong = [request.copy(body=request.body + b" ") for request in right]
    for ours, theirs in judge(right):
        assert (ours, theirs) == ("verified", {"octokit": True})
    for ours, theirs in judge(wrong):
        assert (ours, theirs) == ("bad_signature", {"octokit": False})
