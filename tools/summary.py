#!/usr/bin/env python3
"""Turns what `./dev test` did into one table, the names of what failed, and a last line "N passed, N failed".

usage: summary.py PARTS

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


def main():
    total = Count()
    ran_tests = False
    print(f"\n{'part':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'time':>9}")
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        name, seconds, status, junit = line.split("\t")
        count = Count() if junit == "-" else read_junit(pathlib.Path(junit))
        ran_tests = ran_tests or count.passed > 0 or bool(count.failures)
        if status != "0" and not count.failures:
            count.failures.append(f"(exit status {status})")
        shown = "ok" if junit == "-" and not count.failures else count.passed
        print(f"{name:<14}{shown:>8}{len(count.failures):>8}{count.skipped:>9}{seconds + ' s':>9}")
        total.passed += count.passed
        total.skipped += count.skipped
        total.failures += [f"{name}: {failure}" for failure in count.failures]
    print(f"{'':<14}{'-' * 34}")
    print(f"{'all':<14}{total.passed:>8}{len(total.failures):>8}{total.skipped:>9}\n")
    for failure in total.failures:
        print(f"FAILED {failure}")
    if not ran_tests:
        print("no test ran")
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return bool(total.failures) or not ran_tests


if __name__ == "__main__":
    sys.exit(main())
