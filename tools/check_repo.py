#!/usr/bin/env python3
"""The rules that no compiler checks. Prints each breach and exits 1, or prints "repository rules hold".

usage: check_repo.py [ROOT]

1. Layers: an area includes only what its row in MAY_INCLUDE names. This table is the architecture.
2. Adapters: a third-party header is included only where THIRD_PARTY says.
3. Seams: the clock, sleeping, threads, the environment and the console are reached only through ours.
4. Completeness: every .cc is named in its folder's CMakeLists.txt, so no source and no test is forgotten.
5. Text: no path of anybody's machine, no registry's host, no note to self.
"""

import pathlib
import re
import subprocess
import sys

# Where an #include "..." may be rooted.
ROOTS = ("libs", "operator/src", "webhook-gateway/src")

KUBE = ["base", "json", "http", "crypto", "kube/core"]
OPERATOR = [*KUBE, "log", "metrics", "domain", "kube/client", "kube/runtime", "kube/events", "platform",
            "provisioner/desired"]

EVENT = ["base", "json", "crypto", "http", "platform", "gateway/event"]
PURE = [*EVENT, "gateway/signatures", "gateway/policy"]
TEAMS = ["gateway/platform", "kube/core", "kube/client", "kube/runtime", "domain"]
GATEWAY = [*PURE, "log", "metrics", "postgres", "gateway/sources", "gateway/inbox"]

# area -> the areas it may include, beside itself. An area is a folder (or file) under one of ROOTS; the longest one counts.
MAY_INCLUDE = {
    "base": [],
    "crypto": ["base"],
    "json": ["base"],
    "log": ["base"],
    "metrics": ["base"],
    "http": ["base", "crypto"],
    "options": ["base", "http", "log"],
    "http_cpprest": ["base", "crypto", "http", "log"],
    "http_beast": ["base", "http", "log", "metrics"],
    "platform": ["base", "http", "json", "metrics"],
    "kube/core": ["base", "json", "http", "crypto"],
    "kube/client": [*KUBE, "log", "metrics"],
    "kube/runtime": [*KUBE, "log", "metrics", "kube/client"],
    "kube/events": [*KUBE, "log", "metrics", "kube/client"],
    "kube/leader": [*KUBE, "log", "metrics", "kube/client"],
    "kube/cluster": [*KUBE, "log", "metrics", "http_cpprest", "kube/client", "kube/runtime"],
    "domain": ["base", "json", "crypto", "kube/core"],
    "provisioner/desired": ["base", "json", "crypto", "domain", "kube/core"],
    "provisioner/platform": ["base", "json", "crypto", "domain", "http", "kube/core", "platform"],
    "provisioner/reconcile": [*OPERATOR, "provisioner/platform"],
    "provisioner/app": ["*"],
    "provisioner/commands": ["*"],
    "postgres": ["base", "crypto", "log"],
    "gateway/event": ["base", "json"],
    "gateway/signatures": ["base", "crypto", "http"],
    "gateway/policy": [*EVENT, "gateway/signatures"],
    "gateway/sources": PURE,
    "gateway/platform": [*PURE, "log", "metrics"],
    "gateway/inbox": [*PURE, "log", "metrics", "postgres"],
    "gateway/ingest": GATEWAY,
    "gateway/dispatch": [*GATEWAY, "gateway/platform"],
    "gateway/teams": [*GATEWAY, *TEAMS],
    "gateway/admin": [*GATEWAY, *TEAMS, "gateway/teams"],
    "gateway/probe": [*EVENT, "gateway/signatures"],
    "gateway/app": ["*"],
    "main.cc": ["*"],
}

# third-party header -> the areas that may include it; everybody else sees our own types.
THIRD_PARTY = {
    r"cpprest/|pplx/": ["http_cpprest"],
    r"boost/": ["http_beast", "http_cpprest"],
    r"openssl/": ["crypto", "http_cpprest"],
    r"prometheus/": ["metrics", "kube/runtime", "provisioner/reconcile"],
    r"yaml-cpp/": ["kube/client", "domain", "provisioner/app", "gateway/policy"],
    r"libpq|postgres_ext": ["postgres"],
    r"catch2/": [],
}

# what -> (what to do instead, the files or folders that are the seam)
SEAMS = {
    r"\b(system|steady|high_resolution)_clock::now\b": ("take a Clock&", ["base/clock.cc"]),
    r"\bsleep_(for|until)\b|\bu?sleep\(": ("wait on a CondVar with a stop token", ["base/clock.cc"]),
    r"\bstd::thread\b(?!::)|\.detach\(": ("own a std::jthread as the last member", []),
    r"\bgetenv\b": ("take an Environment (base/env.h)", ["base/env.cc"]),
    r"\bstd::c(out|err|log)\b": ("use the logger", ["log/"]),
}
# In tests only these are banned, and tests/support holds their seams.
TEST_SEAMS = [r"\bsleep_(for|until)\b|\bu?sleep\(", r"\bstd::thread\b(?!::)|\.detach\("]

TEXT = {
    r"(?<![\w.])/(root|work|home/\w+)/": "a path of somebody's machine",
    r"\b(pypi\.org|pythonhosted\.org|proxy\.golang\.org|registry\.npmjs\.org|deb\.debian\.org|crates\.io)\b": "a registry's host",
    r"\b(TO[D]O|FIX[M]E|X[X]X)\b": "a note to self: do it, or file it",
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)


def area_of(path):
    return max((a for a in MAY_INCLUDE if path == a or path.startswith(a + "/")), key=len, default=None)


def sources_of(cmake, root):
    """The .cc files that one CMakeLists.txt names; tp_fuzz(json ...) names json_fuzz.cc."""
    text = re.sub(r"#[^\n]*", "", cmake.read_text())
    text = re.sub(r"\$\{(CMAKE|PROJECT)_SOURCE_DIR\}", root.as_posix(), text)
    text = re.sub(r"\$\{CMAKE_CURRENT_(SOURCE|LIST)_DIR\}", cmake.parent.as_posix(), text)
    names = re.findall(r"[\w./-]+\.cc\b", text) + [n + "_fuzz.cc" for n in re.findall(r"\btp_fuzz\((\w+)", text)]
    return {(cmake.parent / name).resolve() for name in names}


class Checker:
    def __init__(self, root):
        self.root = root
        self.breaches = []
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            check=True, capture_output=True, text=True,
        ).stdout.split("\0")
        self.files = sorted(p for p in (root / name for name in set(listed) if name) if p.is_file())

        self.built = set().union(*(sources_of(p, root) for p in self.files if p.name == "CMakeLists.txt"))

    def breach(self, path, text, offset, what):
        line = text.count("\n", 0, offset) + 1
        self.breaches.append(f"{path.relative_to(self.root)}:{line}: {what}")

    def run(self):
        for path in self.files:
            name = path.relative_to(self.root).as_posix()
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            for pattern, what in TEXT.items():
                for hit in re.finditer(pattern, text):
                    self.breach(path, text, hit.start(), f"{what}: {hit.group()}")
            if path.suffix not in (".h", ".cc"):
                continue
            if path.suffix == ".h" and "#pragma once" not in text:
                self.breach(path, text, 0, "no #pragma once")
            if path.suffix == ".cc":
                self.check_built(path, text)
            root = next((r for r in ROOTS if name.startswith(r + "/")), None)
            if root:
                self.check_source(path, name[len(root) + 1 :], text)
            elif name.startswith("tests/"):
                self.check_test(path, name, text)
        return self.breaches

    def check_built(self, path, text):
        if path not in self.built:
            self.breach(path, text, 0, "never built: no CMakeLists.txt names it")

    def check_source(self, path, name, text):
        area = area_of(name)
        if area is None:
            return self.breach(path, text, 0, "in no area of tools/check_repo.py")
        may = MAY_INCLUDE[area]
        for hit in INCLUDE.finditer(text):
            ours, theirs = hit.groups()
            if ours:
                other = area_of(ours)
                if other is None or not any((self.root / r / ours).exists() for r in ROOTS):
                    self.breach(path, text, hit.start(), f'"{ours}" is not rooted at one of {", ".join(ROOTS)}')
                elif other != area and other not in may and "*" not in may:
                    self.breach(path, text, hit.start(), f"{area} may not include {other} ({ours})")
            else:
                for pattern, areas in THIRD_PARTY.items():
                    if re.match(pattern, theirs) and area not in areas:
                        self.breach(path, text, hit.start(), f"<{theirs}> belongs in {' and '.join(areas) or 'tests/support'}")
        self.check_seams(path, text, {p: why for p, (why, seam) in SEAMS.items() if not name.startswith(tuple(seam) or "\0")})

    def check_test(self, path, name, text):
        if name.startswith("tests/support/"):
            return
        for hit in INCLUDE.finditer(text):
            if (hit.group(2) or "").startswith("catch2/"):
                self.breach(path, text, hit.start(), 'include "support/catch.h", which knows both versions of Catch2')
        self.check_seams(path, text, {p: SEAMS[p][0] for p in TEST_SEAMS})

    def check_seams(self, path, text, banned):
        code = COMMENT_OR_STRING.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
        for pattern, why in banned.items():
            for hit in re.finditer(pattern, code):
                self.breach(path, code, hit.start(), f"{hit.group()} is banned here: {why}")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    breaches = Checker(root).run()
    print("\n".join(breaches) or "repository rules hold")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
