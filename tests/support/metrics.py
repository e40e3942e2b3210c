"""What a program serves on /metrics, and what docs/metrics.md says of it."""

import re

from support.cluster import ROOT

ROW = re.compile(r"^\| `([a-z_]+)` \| (\w+) \| ([a-z_, ]*?) ?\|", re.M)


def documented(program):
    """name -> (type, labels) of the program's section."""
    sections = re.split(r"^## (.+)$", (ROOT / "docs" / "metrics.md").read_text(), flags=re.M)
    rows = ROW.findall(dict(zip(sections[1::2], sections[2::2], strict=True))[program])
    return {name: (kind, {label.strip() for label in labels.split(",") if label.strip()}) for name, kind, labels in rows}


def served(text):
    """The same of an answer in Prometheus' text format."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.M))
    labels = {name: set() for name in kinds}
    for sample, block in re.findall(r"^([a-z_]+)\{([^}]*)\}", text, re.M):
        name = sample if sample in kinds else re.sub(r"_(bucket|sum|count)$", "", sample)
        labels[name] |= set(re.findall(r'(\w+)="', block)) - {"le"}
    return {name: (kind, labels[name]) for name, kind in kinds.items()}


def samples(text, name):
    """[(labels, value)] of one sample name."""
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.M)
    return [(dict(re.findall(r'(\w+)="((?:\\.|[^"\\])*)"', block)), float(number)) for block, number in found]
