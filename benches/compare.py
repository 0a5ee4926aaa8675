#!/usr/bin/env python3
"""Compares tamis with other programs, side by side, and writes the tables into benches/runs.

Noise hits everything on a machine, so what is compared runs in turns, and what counts is the median of the
pairs' ratios; the least time that each needed stands beside it. A program that is not there is skipped, loudly.

Without --log a log is made of the lines of samples/logs/access.log, whose parts repeat: caches look
better on it than in life. The distinct log is the other extreme.
"""

import argparse
import datetime
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TAMIS = os.path.join(ROOT, "target", "release", "tamis")
SAMPLE = os.path.join(ROOT, "samples", "logs", "access.log")
RUNS = os.path.join(ROOT, "benches", "runs")

MIB = 1 << 20
# Slow programs get this much of the log.
PART_BYTES = 40_000_000
STARTS = 20
LONG_LINE_MIB = 1024
# How long rsyslog may write nothing before it counts as done.
STILL_SECONDS = 5.0

# The made log.
IPV4_COUNT = 1 << 17  # all of 198.18.0.0/15
IPV6_COUNT = 370_000
LINES_PER_SECOND = 400
LOG_START = 1_763_769_600
LINE = re.compile(rb'^\S+ (\S+ \S+) \[[^]]+\] ("\S+ )(\S+)( HTTP/[\d.]+" \d{3} .*" ".*)"$')

RSYSLOG = """\
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imfile")
module(load="mmanon")
template(name="line" type="string" string="%msg%\\n")
input(type="imfile" File="{log}" Tag="log" ruleset="clean")
ruleset(name="clean") {{
  action(type="mmanon" ipv4.bits="16")
  action(type="omfile" file="{folder}/out.log" template="line")
}}
"""


# Running programs


class Spent:
    """What a process took: wall clock and CPU seconds, and its peak resident memory in bytes."""

    def __init__(self, wall, usage):
        self.wall = wall
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak = usage.ru_maxrss * 1024


def reap(process, arguments):
    """Waits for a process, which must succeed, and returns what it used."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{os.path.basename(arguments[0])} failed with status {process.returncode}")
    return usage


def run(*arguments, stdin=None):
    """Runs a program with its output to nowhere."""
    with open(stdin or os.devnull, "rb") as source:
        start = time.perf_counter()
        process = subprocess.Popen(arguments, stdin=source, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        usage = reap(process, arguments)
        return Spent(time.perf_counter() - start, usage)


def pipe(*commands):
    """Runs programs joined by pipes and returns the wall clock seconds until all have ended."""
    start = time.perf_counter()
    processes, source = [], subprocess.DEVNULL
    for command in commands:
        last = command is commands[-1]
        process = subprocess.Popen(command, stdin=source, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL if last else subprocess.PIPE)
        if processes:
            source.close()
        source = process.stdout
        processes.append(process)
    for process, command in zip(processes, commands):
        reap(process, command)
    return time.perf_counter() - start


def peak_of_long_line():
    """The peak memory of tamis reading one line of a gibibyte that never ends."""
    arguments = [TAMIS, "--format", "combined"]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    piece = b"a" * MIB
    process.stdin.write(b'192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /')
    for _ in range(LONG_LINE_MIB):
        process.stdin.write(piece)
    process.stdin.close()
    return Spent(0.0, reap(process, arguments)).peak


def rsyslog(program, log, size):
    """Seconds until rsyslog has written the log's lines with shortened addresses; None if it does not."""
    lines = count_lines(log)
    with tempfile.TemporaryDirectory() as folder:
        settings, out = os.path.join(folder, "rsyslog.conf"), os.path.join(folder, "out.log")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(RSYSLOG.format(folder=folder, log=log))
        start = time.perf_counter()
        process = subprocess.Popen([program, "-n", "-iNONE", "-f", settings], cwd=folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        written, read, changed = 0, 0, start
        try:
            while written < lines and process.poll() is None:
                time.sleep(0.01)
                now = time.perf_counter()
                # Lines are counted only when they may all be there, so that counting costs nothing before.
                grown = os.path.getsize(out) if os.path.exists(out) else 0
                if grown != read:
                    read, changed = grown, now
                    if grown >= size * 0.9:
                        written = count_lines(out)
                elif now - changed > STILL_SECONDS:
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
        # Lines that it leaves out, such as empty ones, are none of our business; most must be there.
        return changed - start if read >= size * 0.5 else None


def count_lines(path):
    with open(path, "rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(MIB), b""))


def find(name, variable=None):
    """The path of a program, or None after saying that it is not there."""
    path = os.environ.get(variable or "") or shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        skip(f"{name} is not there" + (f" (neither on PATH nor in {variable})" if variable else ""))
        return None
    # A version manager's stand-in takes longer to start than a small log takes to read.
    if f"{os.sep}shims{os.sep}" in path and shutil.which("pyenv"):
        real = subprocess.run(["pyenv", "which", name], capture_output=True, text=True, check=False)
        path = real.stdout.strip() or path
    return path


def skip(why):
    say(f"SKIPPED: {why}")
    SKIPPED.append(why)


def say(text):
    print(text, file=sys.stderr, flush=True)


SKIPPED = []


# Making logs


def generate(path, size, distinct):
    """Writes a log in a process of its own, because the memory of this one counts (see `memory`)."""
    pid = os.fork()
    if pid == 0:
        try:
            write_log(path, size, distinct)
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit("the log could not be made")


def write_log(path, size, distinct):
    with open(SAMPLE, "rb") as file:
        lines = [found.groups() for found in map(LINE.match, file.read().splitlines()) if found]
    dice = random.Random(20261122)
    written = number = 0
    stamp = b""
    with open(path, "wb", buffering=MIB) as out:
        while written < size:
            user, method, target, rest = lines[int(dice.random() * len(lines))]
            if number % LINES_PER_SECOND == 0:
                clock = time.gmtime(LOG_START + number // LINES_PER_SECOND)
                stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", clock).encode()
            if distinct:
                mark = (number * 0x9E3779B97F4A7C15 + 777) & 0xFFFFFFFFFFFFFFFF
                address = ipv6(number)
                target += b"/x%x" % mark
                rest += b" build/%x" % mark
            else:
                # A third of the lines come from anywhere, the others mostly from few.
                place = dice.random() if number % 3 == 0 else dice.random() ** 3
                if dice.random() < 0.75:
                    address = ipv4(int(IPV4_COUNT * place))
                else:
                    address = ipv6(int(IPV6_COUNT * place))
            line = b'%s %s [%s] %s%s%s"\n' % (address, user, stamp, method, target, rest)
            out.write(line)
            written += len(line)
            number += 1


def ipv4(number):
    number = number * 2654435761 % IPV4_COUNT
    return b"198.%d.%d.%d" % (18 + (number >> 16), number >> 8 & 255, number & 255)


def ipv6(number):
    mixed = (number * 0x9E3779B97F4A7C15 + 12345) & 0xFFFFFFFFFFFFFFFF
    return b"2001:db8:%x:%x::%x" % (mixed >> 48, mixed >> 32 & 0xFFFF, mixed & 0xFFFF or 1)


def first_part(log, path):
    """The first lines of a log, PART_BYTES of them."""
    with open(log, "rb") as source, open(path, "wb") as out:
        left = PART_BYTES
        while left > 0 and (piece := source.read(min(left, MIB))):
            left -= len(piece)
            if left <= 0:
                piece = piece[:piece.rfind(b"\n") + 1]
            out.write(piece)


# Measurements: each takes the bench and returns the rows of one table.


class Bench:
    """The logs, and how often to measure."""

    def __init__(self, options, folder):
        self.folder = folder
        self.pairs = 1 if options.quick else options.pairs
        self.size = 10_000_000 if options.quick else options.size
        self.log = os.path.abspath(options.log) if options.log else self.made("log")
        self._distinct = options.distinct

    def file(self, name):
        return os.path.join(self.folder, name)

    def made(self, name):
        say(f"making the {name} ...")
        generate(self.file(name), self.size, distinct=name == "distinct log")
        return self.file(name)

    def distinct(self):
        if self._distinct is None:
            self._distinct = self.made("distinct log")
        return self._distinct

    def part(self):
        if not os.path.exists(self.file("part")):
            first_part(self.log, self.file("part"))
        return self.file("part")

    def in_turns(self, *runs):
        """The results of each run, after all have run in turns; the first turn only warms up."""
        results = [[] for _ in runs]
        for turn in range(self.pairs + 1):
            for result, measure in zip(results, runs):
                value = measure()
                if turn > 0:
                    result.append(value)
        return results


def ratios(above, below):
    return statistics.median(a / b for a, b in zip(above, below))


def seconds(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f})"


def verdict(value, bar, at_most):
    return "yes" if (value <= bar if at_most else value >= bar) else "no"


def versus_alog(bench, log, what, bar):
    alog = find("alog", "ALOG")
    if alog is None:
        return []
    ours, theirs = bench.in_turns(
        lambda: run(TAMIS, "--threads", "1", stdin=log).cpu,
        lambda: run(alog, log).cpu,
    )
    value = ratios(theirs, ours)
    return [(what, seconds(ours), seconds(theirs), f"{value:.2f}", f"at least {bar}",
             verdict(value, bar, at_most=False))]


TIMES = ("", "tamis, s", "the other, s", "ratio", "bar", "reached")


def alog(bench):
    """One core: CPU time of alog, which replaces the first word and parses nothing, against tamis."""
    return TIMES, versus_alog(bench, bench.log, "the log", 0.6)


def distinct(bench):
    """The same where every address, path and agent is distinct."""
    return TIMES, versus_alog(bench, bench.distinct(), "the distinct log", 0.15)


def pipes(bench):
    """Two cores: wall time of `cat LOG | tamis | cat` against `cat LOG | wc -l`."""
    ours, theirs = bench.in_turns(
        lambda: pipe(["cat", bench.log], [TAMIS, "--threads", "2"], ["cat"]),
        lambda: pipe(["cat", bench.log], ["wc", "-l"]),
    )
    value = ratios(ours, theirs)
    return TIMES, [("the log in a pipe", seconds(ours), seconds(theirs), f"{value:.2f}", "at most 2.5",
                    verdict(value, 2.5, at_most=True))]


def tools(bench):
    """Wall time of tamis with two threads against what people use, in MB/s; they get the first 40 MB."""
    log, part = bench.log, bench.part()
    size, part_size = os.path.getsize(log), os.path.getsize(part)
    report = bench.file("report.json")
    others = []
    if anonip := find("anonip"):
        others.append(("anonip", 60, lambda: run(anonip, stdin=part).wall))
    if goaccess := find("goaccess"):
        others.append(("GoAccess, JSON report", 60, lambda: run(
            goaccess, part, "--log-format=COMBINED", "--no-global-config", "-o", report, "--no-progress").wall))
    if rsyslogd := find("rsyslogd"):
        if rsyslog(rsyslogd, part, part_size) is None:
            skip("rsyslogd did not write the lines that it read")
        else:
            others.append(("rsyslog, mmanon", 25, lambda: rsyslog(rsyslogd, part, part_size)))
    rows = []
    for name, bar, measure in others:
        say(f"  {name}")
        ours, theirs = bench.in_turns(lambda: run(TAMIS, "--threads", "2", stdin=log).wall, measure)
        if None in theirs:
            skip(f"{name} did not finish")
            continue
        ours, theirs = ([bytes_ / value / 1e6 for value in values]
                        for bytes_, values in ((size, ours), (part_size, theirs)))
        value = ratios(ours, theirs)
        rows.append((name, f"{statistics.median(ours):.0f} ({max(ours):.0f})",
                     f"{statistics.median(theirs):.1f} ({max(theirs):.1f})",
                     f"{value:.0f}", f"at least {bar}", verdict(value, bar, at_most=False)))
    return ("", "tamis, MB/s", "the other, MB/s", "ratio", "bar", "reached"), rows


def cost(bench):
    """What further work costs: CPU time on one thread against the filter alone."""
    rows = []
    for name, bar, options in (("`--counts`", 25, ["--counts", bench.file("counts.json")]),
                               ("`--emit combined`", None, ["--emit", "combined"]),
                               ("`--emit csv`", None, ["--emit", "csv"])):
        with_it, without = bench.in_turns(
            lambda: run(TAMIS, "--threads", "1", *options, stdin=bench.log).cpu,
            lambda: run(TAMIS, "--threads", "1", stdin=bench.log).cpu,
        )
        value = (ratios(with_it, without) - 1) * 100
        rows.append((name, seconds(with_it), seconds(without), f"{value:+.0f}%",
                     f"at most +{bar}%" if bar else "", verdict(value, bar, at_most=True) if bar else ""))
    return ("", "with it, s", "filter alone, s", "cost", "bar", "reached"), rows


def scaling(bench):
    """Wall time with one thread against two, from a file to nowhere."""
    one, two = bench.in_turns(lambda: run(TAMIS, "--threads", "1", stdin=bench.log).wall,
                              lambda: run(TAMIS, "--threads", "2", stdin=bench.log).wall)
    value = ratios(one, two)
    return ("", "1 thread, s", "2 threads, s", "ratio", "bar", "reached"), [
        ("the log", seconds(one), seconds(two), f"{value:.2f}", "at least 1.7",
         verdict(value, 1.7, at_most=False))]


def memory(bench):
    """Peak resident memory with two threads; what cannot be told from the measuring script's own is marked."""
    # A process starts out with the peak of the one that started it.
    floor = run("true").peak
    rows = []
    for name, measure in (
        ("the log", lambda: run(TAMIS, "--threads", "2", stdin=bench.log).peak),
        ("the distinct log", lambda: run(TAMIS, "--threads", "2", stdin=bench.distinct()).peak),
        ("the log, `--counts`", lambda: run(
            TAMIS, "--threads", "2", "--counts", bench.file("counts.json"), stdin=bench.log).peak),
        ("one line of 1 GiB without an end", peak_of_long_line),
    ):
        value = measure()
        rows.append((name, f"{'at most ' if value <= floor * 1.1 else ''}{value / MIB:.0f} MiB", "at most 64 MiB",
                     verdict(value, 64 * MIB, at_most=True)))
    return ("", "peak", "bar", "reached"), rows


def startup(bench):
    """From the start to the end of a process, median (and least) of 20."""
    lines = bench.file("ten lines")
    with open(bench.log, "rb") as source, open(lines, "wb") as out:
        out.writelines(source.readline() for _ in range(10))
    rows = []
    for name, measure in (("`tamis --version`", lambda: run(TAMIS, "--version").wall),
                          ("a log of 10 lines", lambda: run(TAMIS, stdin=lines).wall)):
        times = [measure() * 1000 for _ in range(STARTS)]
        value = statistics.median(times)
        rows.append((name, f"{value:.1f} ms ({min(times):.1f} ms)", "at most 10 ms",
                     verdict(value, 10, at_most=True)))
    return ("", "median (least)", "bar", "reached"), rows


MEASUREMENTS = {"alog": alog, "distinct": distinct, "pipe": pipes, "tools": tools, "cost": cost,
                "scaling": scaling, "memory": memory, "startup": startup}


# Telling


def table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def first_line(*arguments):
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return None
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else None


def machine():
    """The machine and the programs, without names of hosts or folders."""
    def field(path, name):
        with open(path, encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(name)), "unknown")

    system = os.uname()
    gib = int(field("/proc/meminfo", "MemTotal").split()[0]) / MIB
    # The load is told because a busy machine gives other numbers.
    facts = [f"CPU: {field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
             f"memory: {gib:.0f} GiB",
             f"kernel: {system.sysname} {system.release} {system.machine}",
             f"load at the start: {os.getloadavg()[0]:.1f}"]
    programs = [first_line(TAMIS, "--version")]
    for name, options in (("alog", ["-V"]), ("anonip", ["--version"]), ("goaccess", ["--version"]),
                          ("rsyslogd", ["-v"])):
        path = os.environ.get("ALOG") if name == "alog" else None
        path = path or shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        version = first_line(path, *options) if path else None
        found = re.search(r"\d+(\.\d+)+", version or "")
        programs.append(f"{name} {found[0]}" if found else None)
    facts.append("programs: " + ", ".join(filter(None, programs)))
    return facts


def size_of(text):
    found = re.fullmatch(r"(\d+)([kMG]?)B?", text)
    if not found:
        raise argparse.ArgumentTypeError("a size is a number with k, M or G")
    return int(found[1]) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[found[2]]


def count(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("a number of at least 1")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", metavar="FILE", help="a big log in the combined format; else one is made")
    parser.add_argument("--log-name", metavar="TEXT", help="what the tables call that log")
    parser.add_argument("--distinct", metavar="FILE", help="one with distinct addresses, paths and agents")
    parser.add_argument("--size", type=size_of, default="400M", help="of made logs (default: 400M)")
    parser.add_argument("--pairs", type=count, default=5, help="how often each pair runs (default: 5)")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="print one measurement")
    parser.add_argument("--quick", action="store_true", help="10 MB and one pair, for trying; prints only")
    options = parser.parse_args()
    if not os.path.exists(TAMIS):
        sys.exit("build first: cargo build --release")

    facts = machine()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        name = options.log_name or ("a log that was given" if options.log else "made of samples/logs/access.log")
        facts.append(f"log: {name}, {os.path.getsize(bench.log) / 1e6:.0f} MB, {count_lines(bench.log):,} lines")
        today = datetime.date.today().isoformat()
        text = f"# Measured on {today}\n\n" + "".join(f"* {fact}\n" for fact in facts)
        text += (f"\nMedians of {bench.pairs} runs in turns, the best of them in brackets; "
                 "ratios are medians of the pairs' ratios.\n")
        for name in options.only or MEASUREMENTS:
            say(f"{name} ...")
            measure = MEASUREMENTS[name]
            columns, rows = measure(bench)
            if rows:
                text += f"\n{measure.__doc__.strip()}\n\n{table(columns, rows)}"
    if SKIPPED:
        text += "\n" + "".join(f"* skipped: {why}\n" for why in SKIPPED)
    print(text, end="")
    if not options.quick and not options.only:
        os.makedirs(RUNS, exist_ok=True)
        path = os.path.join(RUNS, f"{today}-{os.uname().machine}-{os.cpu_count()}-cores.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        say(f"written: {os.path.relpath(path, ROOT)}")


if __name__ == "__main__":
    main()
