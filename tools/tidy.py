#!/usr/bin/env python3
"""Runs clang-tidy over a compilation database, and remembers what was clean.

usage: tidy.py --build DIR --cache DIR [--jobs N] [FILE...]

A file is looked at again only if something that could change the verdict has changed: its text after the
preprocessor, the configuration, or clang-tidy itself. FILEs limit the run to the sources named. Prints each finding; exit
1 if there is any.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def preprocess(command):
    """The text that the compiler sees, comments included: a NOLINT is one."""
    argv = [*command, "-E", "-C", "-w"]
    at = argv.index("-o")
    del argv[at : at + 2]
    argv.remove("-c")
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    # Line markers name absolute paths, which differ between clones.
    return done.stdout.replace(str(ROOT).encode(), b"")


def tidy(entry, build, cache, version, resources):
    command = shlex.split(entry["command"])
    digest = hashlib.sha256(version)
    try:
        digest.update(preprocess(command))
    except RuntimeError as error:
        return str(error)
    mark = cache / digest.hexdigest()
    if mark.exists():
        os.utime(mark)
        return ""
    done = subprocess.run(
        ["clang-tidy", "--quiet", f"-p={build}", f"--extra-arg=-resource-dir={resources}", entry["file"]],
        capture_output=True, text=True, check=False,
    )
    if done.returncode == 0 and not done.stdout.strip():
        mark.touch()
        return ""
    return done.stdout + (done.stderr if not done.stdout.strip() else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)

    entries = json.loads((args.build / "compile_commands.json").read_text())
    if args.files:
        wanted = {str(pathlib.Path(f).resolve()) for f in args.files}
        entries = [e for e in entries if e["file"] in wanted]
    if not entries:
        sys.exit("tidy: no source to look at")
    compiler = shlex.split(entries[0]["command"])[0]
    resources = subprocess.run([compiler, "-print-resource-dir"], capture_output=True, text=True, check=True).stdout.strip()
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    version += (ROOT / ".clang-tidy").read_bytes()

    findings = 0
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = {pool.submit(tidy, e, args.build, args.cache, version, resources): e["file"] for e in entries}
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            output = job.result()
            findings += bool(output)
            name = os.path.relpath(jobs[job], ROOT)
            print(f"[{number}/{len(jobs)}] {name}: {'findings' if output else 'clean'}", output, sep="\n" if output else "", flush=True)
    print(f"{len(jobs) - findings} of {len(jobs)} sources clean in {time.monotonic() - start:.0f} s")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
