"""/metrics is what docs/metrics.md says, and neither more nor less."""

import re
import urllib.request

from support.cluster import ROOT

ROW = re.compile(r"^\| `([a-z_]+)` \| (\w+) \| ([a-z_, ]*) \|", re.M)


def documented():
    return {name: (kind, {label.strip() for label in labels.split(",") if label.strip()})
            for name, kind, labels in ROW.findall((ROOT / "docs" / "metrics.md").read_text())}


def served(text):
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.M))
    labels = {name: set() for name in kinds}
    for sample, block in re.findall(r"^([a-z_]+)\{([^}]*)\}", text, re.M):
        name = sample if sample in kinds else re.sub(r"_(bucket|sum|count)$", "", sample)
        labels[name] |= set(re.findall(r'(\w+)="', block)) - {"le"}
    return {name: (kind, labels[name]) for name, kind in kinds.items()}


def test_every_metric_is_documented_and_the_other_way_round(operator):
    with urllib.request.urlopen(f"http://{operator.address('metrics')}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    assert served(text) == documented()
