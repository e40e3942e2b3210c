#!/usr/bin/env python3
"""Plants the bugs of mutants.yaml and sees to it that the tests catch each of them.

usage: run.py [--build DIR] [--jobs N] [NAME...] | --list

The sources are copied into DIR (default: build/mutants) as they are, with what is not committed, and the bugs are
planted in that copy. One build has them all, each asleep until the environment variable TP_MUTANT names it. With
none awake the tests have to pass; then each of NAMEs (default: all), awake alone, must make the test case fail that
is said to catch it. One for which no test case is named is tried on all of its test program.

Prints a line for each mutant; exit 1 if one survives, 2 if one does not fit the sources any more.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = pathlib.Path(__file__).with_name("mutants.yaml")
# A mutant may never come to an end; that is found out, too.
PATIENCE = 600
PASSED = "passed"
SWITCH = "libs/base/planted.h"
SWITCH_TEXT = """#pragma once

#include <cstdlib>
#include <string_view>

inline bool planted(std::string_view mutant) {
  static const char* const awake = std::getenv("TP_MUTANT");
  return awake != nullptr && mutant == awake;
}
"""


class Unfit(Exception):
    """A mutant, or the tests without any, that nothing can be said about."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    bug: str
    file: str
    original: str
    planted: str
    test: str
    caught_by: str

    @staticmethod
    def read(entry):
        return Mutant(name=entry["name"], bug=entry["bug"], file=entry["file"], original=entry["is"],
                      planted=entry["with"], test=entry.get("test", "simulation_test"),
                      caught_by=entry.get("caught_by", ""))

    def plant(self, text):
        count = text.count(self.original)
        if count != 1:
            raise Unfit(f"{self.name}: {self.file} has its text {count} times instead of once; "
                        f"bring {TABLE.name} up to date")
        return text.replace(self.original, self.planted.replace("PLANTED", f'::planted("{self.name}")'))


class Tree:
    """A copy of the sources and its build. Only what differs is written, so that only that is built again."""

    def __init__(self, where, jobs):
        self.sources = where
        self.build_dir = where / "build/dev"  # as in a clone, so that ccache has what is the same
        self.jobs = jobs
        self.environment = {**os.environ, "CCACHE_BASEDIR": str(self.sources), "CCACHE_NOHASHDIR": "true"}
        if shutil.which("ccache"):
            self.environment["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"

    def write(self, name, content):
        target = self.sources / name
        if target.is_file() and target.read_bytes() == content:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if (ROOT / name).exists():
            shutil.copymode(ROOT / name, target)

    def copy(self, planted):
        """`planted`: the texts of files that are not as they are."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, check=True).stdout.decode()
        names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
        for name in names - planted.keys():
            self.write(name, (ROOT / name).read_bytes())
        for name, text in planted.items():
            self.write(name, text.encode())
        for path in self.sources.rglob("*"):
            name = str(path.relative_to(self.sources))
            if path.is_file() and name not in names | planted.keys() and not name.startswith("build/"):
                path.unlink()

    def run(self, argv):
        done = subprocess.run(argv, cwd=self.sources, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Unfit("does not compile:\n" + done.stdout[-4000:])

    def build(self, targets):
        if not (self.build_dir / "build.ninja").is_file():
            self.run(["cmake", "--preset", "dev"])
        self.run(["cmake", "--build", str(self.build_dir), "-j", str(self.jobs), "--target", *targets])

    def test(self, program, cases, awake="", patience=None):
        """What fails first, in words, or PASSED. `cases`: all when empty."""
        found = [path for path in self.build_dir.rglob(program) if path.is_file() and os.access(path, os.X_OK)]
        report = self.build_dir / f"{program}.junit.xml"
        report.unlink(missing_ok=True)
        try:
            chosen = [",".join(map(escape, cases))] if cases else []
            done = subprocess.run([found[0], *chosen, "--abort", "-r", "junit", "-o", report], cwd=self.sources,
                                  env={**os.environ, "TP_MUTANT": awake}, timeout=patience, check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return f"comes to no end within {patience} s"
        return verdict(report, done.returncode)


def escape(case):
    """As Catch2 wants a test's name on its command line."""
    for character in '\\,["':
        case = case.replace(character, "\\" + character)
    return case


def verdict(report, code):
    try:
        cases = list(ET.parse(report).iter("testcase"))
    except (ET.ParseError, FileNotFoundError):
        return f"the program ends with {code}"
    if not cases:
        raise Unfit("there is no such test case")
    for case in cases:
        for kind in ("failure", "error"):
            failure = case.find(kind)
            if failure is not None:
                said = " ".join(failure.get("message", "").split())
                return f"{case.get('name').split('/')[0]}: {said[:160]}"
    return PASSED if code == 0 else f"the program ends with {code}"


def read_table():
    mutants = [Mutant.read(entry) for entry in yaml.safe_load(TABLE.read_text())]
    if len({mutant.name for mutant in mutants}) != len(mutants):
        raise Unfit(f"{TABLE.name} has a name twice")
    return mutants


def choose(mutants, names):
    unknown = set(names) - {mutant.name for mutant in mutants}
    if unknown:
        raise Unfit(f"no mutant {' '.join(sorted(unknown))}; there are: {' '.join(mutant.name for mutant in mutants)}")
    return [mutant for mutant in mutants if not names or mutant.name in names]


def plant(mutants):
    """The texts of the files that have mutants."""
    texts = {}
    for mutant in mutants:
        text = texts.get(mutant.file) or '#include "base/planted.h"\n' + (ROOT / mutant.file).read_text()
        texts[mutant.file] = mutant.plant(text)
    return {**texts, SWITCH: SWITCH_TEXT}


def print_table(mutants):
    """As docs/testing.md has it."""
    print("| mutant | planted bug | caught by |\n|---|---|---|")
    for mutant in mutants:
        print(f"| `{mutant.name}` | {mutant.bug} | {mutant.caught_by.removeprefix('simulation: ')} |")


def check_green(tree, mutants):
    for program in sorted({mutant.test for mutant in mutants}):
        cases = {mutant.caught_by for mutant in mutants if mutant.test == program}
        outcome = tree.test(program, [] if "" in cases else sorted(cases))
        if outcome != PASSED:
            raise Unfit(f"{program} fails with no mutant awake: {outcome}")


def try_each(tree, mutants):
    survived = 0
    for mutant in mutants:
        start = time.monotonic()
        outcome = tree.test(mutant.test, [mutant.caught_by] if mutant.caught_by else [], mutant.name, PATIENCE)
        if outcome == PASSED:
            survived += 1
            outcome = f"SURVIVED: {mutant.bug}"
        else:
            outcome = f"caught by {outcome}"
        print(f"{mutant.name:24} {time.monotonic() - start:4.0f} s  {outcome}", flush=True)
    print(f"{len(mutants) - survived} caught, {survived} survived")
    return survived


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    try:
        everything = read_table()
        mutants = choose(everything, arguments.names)
        if arguments.list:
            print_table(mutants)
            return 0
        tree = Tree(arguments.build.resolve(), arguments.jobs)
        tree.copy(plant(everything))
        print(f"building {tree.build_dir}: 5 to 15 min the first time, then seconds", flush=True)
        tree.build(sorted({mutant.test for mutant in mutants}))
        print(f"{len(mutants)} mutants; first none of them", flush=True)
        check_green(tree, mutants)
        return 1 if try_each(tree, mutants) else 0
    except Unfit as unfit:
        print(f"mutants: {unfit}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
