#!/usr/bin/env python3
"""Runs the fuzz targets one after the other, and prints a row of a table for each. `make fuzz` builds them first.

An input that ends a target, takes five seconds or takes a gigabyte is a finding. It is left below artifacts/, and what
the target said of it is printed. Slow ones, of two seconds, are left there too and counted.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMITS = ["-timeout=5", "-rss_limit_mb=1024", "-report_slow_units=2"]


def built():
    """Where cargo-fuzz leaves what it built."""
    host = re.search(r"host: (\S+)", subprocess.check_output(["rustc", "-vV"], text=True))[1]
    return HERE / "target" / host / "release"


def targets():
    return sorted(path.stem for path in (HERE / "targets").glob("*.rs") if path.stem != "shared")


def run(target, options):
    """Runs a target, and says what is to be told of it."""
    artifacts = HERE / "artifacts" / target
    artifacts.mkdir(parents=True, exist_ok=True)
    before = set(artifacts.iterdir())
    with tempfile.TemporaryDirectory() as found:
        corpora = [found, HERE / "corpus" / target]
        command = [options.built / target, *corpora, f"-artifact_prefix={artifacts}/", *LIMITS]
        command += [f"-max_total_time={options.seconds}", f"-max_len={options.bytes}", "-print_final_stats=1"]
        env = {**os.environ, "RUST_BACKTRACE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=env)
        kept = len(os.listdir(found))
    says = done.stderr
    last = lambda pattern: (re.findall(pattern, says) or ["-"])[-1]
    new = {path.name for path in set(artifacts.iterdir()) - before}
    slow = sum(name.startswith("slow-unit-") for name in new)
    return {
        "runs": last(r"stat::number_of_executed_units: (\d+)"),
        "seconds": last(r"Done \d+ runs in (\d+) second"),
        "seeds": len(list((HERE / "corpus" / target).iterdir())),
        "kept": kept,
        "cov": last(r"cov: (\d+)"),
        "slowest": last(r"stat::slowest_unit_time_sec: *(\d+)"),
        "slow": slow,
        "code": done.returncode,
        "says": says,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="all without any")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--bytes", type=int, default=4096, help="the longest input")
    parser.add_argument("--built", type=Path, help="where the targets are, if not where cargo-fuzz leaves them")
    options = parser.parse_args()
    options.built = options.built or built()
    bad = 0
    print("| target | runs | seconds | inputs at first | inputs kept | cov | slowest, s | slow | found |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for target in options.targets or targets():
        row = run(target, options)
        found = "nothing" if row["code"] == 0 else f"ended with {row['code']}"
        keys = ["runs", "seconds", "seeds", "kept", "cov", "slowest", "slow"]
        print(f"| {target} | " + " | ".join(str(row[key]) for key in keys) + f" | {found} |", flush=True)
        if row["code"] != 0:
            bad += 1
            print("\n".join(row["says"].splitlines()[-60:]), file=sys.stderr, flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
