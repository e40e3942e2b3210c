"""Templates for webhook_load: what vendors send, with sixteen @ where each delivery has something of its own."""

import json
import random
import subprocess

from support.cluster import ROOT
from support.webhooks import encoded, sample

MARK = "@" * 16
WORDS = ("checkout payment latency error rate deploy rollback pod node memory restart the a since minutes customers see timeouts in "
         "region please have look at dashboard alert fired again after release 502 503 p99 queue database replica lag").split()


def slack(size, channel="C0BENCH", count=32):
    """Mentions of about `size` bytes, as Slack sends them: the text comes a second time as blocks."""
    dice = random.Random(size)  # the same bodies in each run
    return "".join(f"slack\tapp_mention\t{_mention(size, channel, dice)}\n" for _ in range(count))


def _mention(size, channel, dice):
    payload = sample("slack")
    event = payload["event"]
    payload["event_id"] = f"Ev{MARK}"
    event["channel"] = channel
    event["ts"] = event["event_ts"] = f"1768000000.{MARK}"
    text = event["blocks"][0]["elements"][0]["elements"][1]

    def with_words(words):
        text["text"] = " " + " ".join(words)
        event["text"] = "<@U0BOT>" + text["text"]
        return encoded(payload).decode()

    words = []
    while len(body := with_words(words)) < size:
        words.append(dice.choice(WORDS))
    return body


def github():
    """The examples of @octokit/webhooks-examples."""
    node = subprocess.run([ROOT / "tools" / "deps", "--node"], capture_output=True, text=True, check=True).stdout.strip()
    with open(f"{node}/node_modules/@octokit/webhooks-examples/api.github.com/index.json", encoding="utf-8") as file:
        kinds = json.load(file)
    lines = []
    for kind in kinds:
        for example in kind["examples"]:
            body = encoded({"example": MARK} | example).decode()
            lines.append(f"github\t{kind['name']}\t{body}\n")
    random.Random(1).shuffle(lines)
    return "".join(lines)
