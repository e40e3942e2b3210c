#!/usr/bin/env python3
"""Turns what `./dev test` did into one table, the names of what failed, and a last line "N passed, N failed".

usage: summary.py PARTS

A part "X again" is a second look at what failed in the part X: what passes then is named as flaky and not as failed.

PARTS has a line for each part of the run: name, seconds, exit status and JUnit file, separated by tabs; the
file is "-" for a part that is no test suite. Such a part counts only if it failed, as one; so does a suite that
failed although no test in it did (it crashed, or held no test). Exit 1 if anything failed or no test ran.
"""

import dataclasses
import pathlib
import sys
import xml.etree.ElementTree as ET


@dataclasses.dataclass
class Count:
    passed: int = 0
    skipped: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)


def read_junit(path):
    count = Count()
    if not path.exists():
        return count
    for case in ET.parse(path).iter("testcase"):
        # CTest writes status="fail"/"disabled"; pytest has <failure>, <error> and <skipped>, with the file in classname.
        name = case.get("name", "?")
        if "." in case.get("classname", ""):
            name = f"{case.get('classname')}::{name}"
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            count.failures.append(name)
        elif case.find("skipped") is not None or case.get("status") in ("disabled", "notrun"):
            count.skipped += 1
        else:
            count.passed += 1
    return count


def read_parts(path):
    """[name, seconds, exit status, count] of each part, and what was flaky in them."""
    parts, flaky = [], []
    for line in pathlib.Path(path).read_text().splitlines():
        name, seconds, status, junit = line.split("\t")
        count = Count() if junit == "-" else read_junit(pathlib.Path(junit))
        if status != "0" and not count.failures:
            count.failures.append(f"(exit status {status})")
        first = next((p for p in parts if f"{p[0]} again" == name), None)
        if first and count.passed and len(count.failures) + count.passed == len(first[3].failures):
            flaky += [f"{first[0]}: {failure}" for failure in first[3].failures if failure not in count.failures]
            first[3].failures = []  # those that failed again stand here
        parts.append((name, seconds, status, count))
    return parts, flaky


def main():
    total = Count()
    ran_tests = False
    print(f"\n{'part':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'time':>9}")
    parts, flaky = read_parts(sys.argv[1])
    for name, seconds, status, count in parts:
        ran_tests = ran_tests or count.passed > 0 or bool(count.failures)
        shown = "ok" if not count.passed and status == "0" else count.passed
        print(f"{name:<14}{shown:>8}{len(count.failures):>8}{count.skipped:>9}{seconds + ' s':>9}")
        total.passed += count.passed
        total.skipped += count.skipped
        total.failures += [f"{name}: {failure}" for failure in count.failures]
    print(f"{'':<14}{'-' * 34}")
    print(f"{'all':<14}{total.passed:>8}{len(total.failures):>8}{total.skipped:>9}\n")
    for failure in flaky:
        print(f"FLAKY {failure}: failed, and passed when it was run once more")
    for failure in total.failures:
        print(f"FAILED {failure}")
    if not ran_tests:
        print("no test ran")
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return bool(total.failures) or not ran_tests


if __name__ == "__main__":
    sys.exit(main())
