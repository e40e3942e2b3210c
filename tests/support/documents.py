"""The repository's Markdown, as its readers see it: headings, links, code."""

import dataclasses
import functools
import pathlib
import re
import textwrap

from support.cluster import ROOT

DOCS = ROOT / "docs"
SKIPPED = {"build", ".dev", "node_modules", ".git"}
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```[ \t]*$", re.M | re.S)
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
# The text may hold brackets, as in [[]string](#…).
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)\)")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced piece of code."""

    document: "Document"
    language: str
    text: str
    line: int

    def __str__(self):
        return f"{self.document}:{self.line}"


@dataclasses.dataclass(frozen=True)
class Document:
    path: pathlib.Path

    def __str__(self):
        return self.path.relative_to(ROOT).as_posix()

    @functools.cached_property
    def text(self):
        return self.path.read_text()

    @functools.cached_property
    def prose(self):
        """Without fenced code; every line stays where it is."""
        return FENCE.sub(lambda m: "\n" * m.group().count("\n"), self.text)

    @functools.cached_property
    def blocks(self):
        return [Block(self, m.group(2), textwrap.dedent(m.group(3)), self.text.count("\n", 0, m.start()) + 2) for m in FENCE.finditer(self.text)]

    @functools.cached_property
    def spans(self):
        """Inline code."""
        return [" ".join(m.group(2).split()) for m in SPAN.finditer(self.prose)]

    @functools.cached_property
    def links(self):
        """Where its links lead, as they are written."""
        return LINK.findall(SPAN.sub("`code`", self.prose)) + re.findall(r"<(https?://[^>\s]+)>", self.prose)

    @functools.cached_property
    def anchors(self):
        """What GitHub calls its headings."""
        seen = {}
        for heading in re.findall(r"^#{1,6} +(.+?)(?: +#+)?$", self.prose, re.M):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            if seen[slug]:
                seen[f"{slug}-{seen[slug]}"] = 0
        return set(seen)

    @functools.cached_property
    def rows(self):
        """The cells of each row of its tables."""
        lines = (line.strip() for line in self.prose.splitlines())
        return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1])] for line in lines if line.startswith("|") and line.endswith("|")]


def documents():
    return [Document(path) for path in sorted(ROOT.rglob("*.md")) if not SKIPPED & set(path.relative_to(ROOT).parts)]


def document(name):
    return Document(DOCS / name)


@functools.cache
def configured_flags():
    """{"team-operator run": {flag: its default}} for each command of docs/configuration.md."""
    flags, commands = {}, []
    for line in document("configuration.md").text.splitlines():
        if line.startswith("## "):
            program, _, words = line[3:].partition(" ")
            commands = [" ".join([program, *word.removeprefix(f"{program} ").split()]) for word in words.split(", ")]
            flags |= {command: {} for command in commands}
        elif line.startswith("The flags of `run`"):
            flags[commands[0]] |= flags["team-operator run"]
        elif row := re.match(r"\| `--([a-z0-9-]+)[^`]*` \| [^|]*\| (?:`(.*?)`|required)? \|", line):
            for command in commands:
                flags[command][row.group(1)] = row.group(2) or ""
    return flags
