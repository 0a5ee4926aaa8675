#!/usr/bin/env python3
"""Measures the service: a steady load on a followed log that is rotated, and how long a line takes to the output.

Under load it is looked, once a second, how much memory and how many open files the service has, how many lines came
out, and how far it is behind, which is what the kernel says of its place in the log. What a reader of the output waits
for is measured at a tenth of the load: when a line was written, and when it was there to be read. Log and output lie in
memory; the output is thrown away as it is rotated, and so is what was read of the log.
"""

import argparse
import atexit
import ctypes
import multiprocessing
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from compare import ROOT, TAMIS, generate, machine, table, verdict

# How often the writer writes, in seconds: a busy server flushes more often, which is easier.
STEP = 0.01
# How much the writer may be ahead of the service before it waits, in seconds of the load.
AHEAD = 3
# After how many seconds a log that was moved away is taken to be read. Its blocks are freed; its head and its end stay,
# by which the service knows it.
READ_BY = 15
HEAD = 4096
FIRST = b'198.18.0.1 - - [22/Nov/2026:14:05:37 +0000] "GET /first-%d.html HTTP/1.1" 200 1 "-" "-"\n'
BAR_SECONDS = 0.5
MIB = 1 << 20

CONFIGURATION = """\
policy = "baseline"
state_dir = "{0}/state"
[[source]]
kind = "file"
path = "{0}/access.log"
format = "combined"
[sink]
kind = "file"
path = "{0}/clean.jsonl"
{1}
[metrics]
listen = "{0}/metrics.sock"
"""
ROTATE = 'rotate = { bytes = "256MiB", keep = 1 }'


class Shared:
    """What the writer and whoever looks at it know of each other."""

    def __init__(self, steps):
        self.written = multiprocessing.Value("q", 0, lock=False)
        self.clean = multiprocessing.Value("q", 0, lock=False)
        self.waited = multiprocessing.Value("d", 0, lock=False)
        self.over = multiprocessing.Value("b", 0, lock=False)
        self.rotated = multiprocessing.Value("q", 0, lock=False)
        # When each step was written.
        self.times = multiprocessing.Array("d", steps, lock=False)


def free(path):
    """Gives the blocks of a file back, but for its head and its end, and leaves its length."""
    libc = ctypes.CDLL(None, use_errno=True)
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
        done = libc.fallocate(file.fileno(), 3, ctypes.c_long(HEAD), ctypes.c_long(max(size - 2 * HEAD, 1)))
    if done != 0:
        sys.exit(f"cannot free {path}: {os.strerror(ctypes.get_errno())}")
    os.unlink(path)


def write(folder, lines, rate, seconds, rotate, shared):
    """Writes `rate` lines a second, evenly."""
    log, read_by = os.path.join(folder, "access.log"), []
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    each, at = int(rate * STEP), 0
    chunks = [b"".join(lines[index:index + each]) for index in range(0, len(lines) - each + 1, each)]
    start, rotated = time.monotonic(), time.monotonic()
    for step in range(int(seconds / STEP)):
        due = start + step * STEP
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        before = time.monotonic()
        while shared.written.value - shared.clean.value > AHEAD * rate:
            time.sleep(STEP)
        # What was waited for is not made up for.
        waited = time.monotonic() - before
        if waited > STEP:
            start += waited
            shared.waited.value += waited
        now, chunk = time.monotonic(), chunks[at]
        if rotate and now - rotated >= rotate:
            rotated = now
            shared.rotated.value += 1
            away = f"{log}.{shared.rotated.value}"
            os.rename(log, away)
            os.close(out)
            out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            read_by.append((now + READ_BY, away))
            # The same lines again and again are no log: each file begins with a line of its own.
            chunk = FIRST % shared.rotated.value + chunks[at].partition(b"\n")[2]
        while read_by and read_by[0][0] <= now:
            free(read_by.pop(0)[1])
        if step < len(shared.times):
            shared.times[step] = time.monotonic()
        os.write(out, chunk)
        shared.written.value += each
        at = (at + 1) % len(chunks)
    shared.over.value = 1


class Service:
    """The service, and what the system says of it."""

    def __init__(self, folder, words):
        self.folder = folder
        path = os.path.join(folder, "tamis.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(folder, words))
        with open(os.path.join(folder, "access.log"), "wb"):
            pass
        self.errors = open(os.path.join(folder, "errors"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([TAMIS, "serve", "--config", path], stderr=self.errors)
        self.proc = f"/proc/{self.process.pid}"
        # Whatever goes wrong here, nothing runs on.
        atexit.register(self.process.kill)
        while self.lines() is None:
            if self.process.poll() is not None:
                sys.exit(f"the service ended: {self.said()}")
            time.sleep(0.05)

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def lines(self):
        """How many lines went through so far, as it tells itself."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(os.path.join(self.folder, "metrics.sock"))
                connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        except OSError:
            return None
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("tamis_lines_total{"))

    def memory(self):
        with open(f"{self.proc}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def files(self):
        """How many files it has open: logs that it follows, and others."""
        logs = others = 0
        for name in os.listdir(f"{self.proc}/fd"):
            try:
                is_log = os.readlink(f"{self.proc}/fd/{name}").startswith(os.path.join(self.folder, "access.log"))
            except OSError:
                continue
            logs, others = logs + is_log, others + (not is_log)
        return logs, others

    def cpu(self):
        with open(f"{self.proc}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def behind(self):
        """How many bytes of its logs were not read yet."""
        behind = 0
        for name in os.listdir(f"{self.proc}/fd"):
            path = f"{self.proc}/fd/{name}"
            try:
                if not os.readlink(path).startswith(os.path.join(self.folder, "access.log")):
                    continue
                with open(f"{self.proc}/fdinfo/{name}", encoding="ascii") as info:
                    place = int(next(info).split()[1])
                behind += max(os.stat(path).st_size - place, 0)
            except OSError:
                continue
        return behind

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            sys.exit(f"the service failed: {self.said()}")


def even_lines():
    """Lines all of which come out, so that they can be counted on both sides."""
    dice = random.Random(20261122)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
    return [f'198.18.{dice.randrange(256)}.{dice.randrange(256)} - - [22/Nov/2026:14:05:37 +0000] '
            f'"GET /page-{dice.randrange(500)}.html HTTP/1.1" 200 {dice.randrange(99999)} "-" "{agent}"\n'.encode()
            for _ in range(20_000)]


def slope(values):
    """By how much something grows with each sample: least squares."""
    middle, mean = (len(values) - 1) / 2, statistics.fmean(values)
    above = sum((index - middle) * (value - mean) for index, value in enumerate(values))
    return above / sum((index - middle) ** 2 for index in range(len(values)))


def load(folder, lines, rate, seconds):
    """Steady load with rotation: memory, files, speed."""
    shared = Shared(0)
    service = Service(folder, ROTATE)
    rotate = max(5, seconds / 20)
    writer = multiprocessing.Process(target=write, args=(folder, lines, rate, seconds, rotate, shared), daemon=True)
    started, samples = time.monotonic(), []
    writer.start()
    while not shared.over.value:
        if not writer.is_alive() and not shared.over.value:
            sys.exit("the writer ended")
        shared.clean.value = service.lines() or 0
        samples.append((service.memory() / MIB, *service.files(), service.behind() / MIB))
        time.sleep(1)
    written, spent = shared.written.value, time.monotonic() - started
    cpu = service.cpu()
    writer.join()
    while (out := service.lines() or 0) < written:
        if time.monotonic() - started > spent + 60:
            sys.exit(f"{written} lines were written, and {service.lines()} went through: {service.said()}")
        time.sleep(0.1)
    service.stop()
    memory, logs, files, behind = ([sample[index] for sample in samples] for index in range(4))
    half, late = memory[len(memory) // 2:], len(samples) * 3 // 4
    grown = slope(half) * len(half)
    late_files, earlier_files = max(files[late:]), max(files[len(files) // 4:late])
    return [
        ["lines a second, asked for", f"{rate:,}", "", ""],
        ["lines a second, over all", f"{written / spent:,.0f}", "", ""],
        ["seconds in which the writer waited for the service", f"{shared.waited.value:.1f} of {spent:.0f}", "", ""],
        ["lines written, and lines that went through", f"{written:,}, {out:,}", "equal",
         "yes" if out == written else "no"],
        ["rotations of the log", str(shared.rotated.value), "", ""],
        ["CPU seconds for a million lines", f"{cpu / written * 1e6:.2f}", "", ""],
        ["memory, at the most", f"{max(memory):.1f} MiB", "", ""],
        ["memory, growth over the second half", f"{grown:+.2f} MiB", "at most 1 MiB", verdict(grown, 1, at_most=True)],
        ["open files at the most, in the last quarter and before", f"{late_files}, {earlier_files}", "no more",
         verdict(late_files, earlier_files, at_most=True)],
        ["logs open beside them, the same; one that was moved away is held for ten minutes",
         f"{max(logs[late:])}, {max(logs[:late])}", "", ""],
        ["behind, median and most", f"{statistics.median(behind):.1f}, {max(behind):.1f} MiB", "", ""],
    ]


def latency(folder, lines, rate, seconds):
    """When each line was there to be read, after it was written."""
    steps = int(seconds / STEP)
    shared = Shared(steps)
    service = Service(folder, "")
    clean = os.path.join(folder, "clean.jsonl")
    writer = multiprocessing.Process(target=write, args=(folder, lines, rate, seconds, 10, shared), daemon=True)
    each, seen, waits, sleeps = int(rate * STEP), 0, [], []
    with open(clean, "rb", buffering=0) as reader:
        writer.start()
        last = time.monotonic()
        while seen < steps * each:
            data = reader.read(1 << 20)
            now = time.monotonic()
            if data:
                before = seen // each
                seen += data.count(b"\n")
                # A step is there when its last line is.
                waits += [now - shared.times[step] for step in range(before, seen // each)]
                shared.clean.value = seen
            else:
                sleeps.append(now - last)
                time.sleep(0.001)
            last = now
            if shared.over.value and now - shared.times[steps - 1] > 60:
                sys.exit(f"{seen} of {steps * each} lines came out: {service.said()}")
    writer.join()
    service.stop()
    waits.sort()
    at = {part: waits[min(int(len(waits) * part), len(waits) - 1)] for part in (0.5, 0.99, 0.999)}
    return [
        ["lines a second", f"{rate:,}", "", ""],
        ["writes that were followed", f"{len(waits):,}", "", ""],
        ["p50", f"{at[0.5] * 1000:.0f} ms", "", ""],
        ["p99", f"{at[0.99] * 1000:.0f} ms", f"under {BAR_SECONDS * 1000:.0f} ms",
         verdict(at[0.99], BAR_SECONDS, at_most=True)],
        ["p99.9, and the most", f"{at[0.999] * 1000:.0f}, {waits[-1] * 1000:.0f} ms", "", ""],
    ]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=200_000, help="lines a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--also", default="", help="what else the machine does, for the table")
    parser.add_argument("-o", "--output", help="also write the table to this file")
    given = parser.parse_args()
    facts = machine()
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    columns = ("", "measured", "bar", "reached")
    multiprocessing.set_start_method("fork")
    folders = [tempfile.mkdtemp(prefix="tamis-bench-", dir=place) for _ in range(2)]
    try:
        log = os.path.join(folders[0], "sample")
        generate(log, 20_000_000, False)
        with open(log, "rb") as file:
            lines = file.readlines()
        os.unlink(log)
        under_load = load(folders[0], lines, given.rate, given.seconds)
        shutil.rmtree(folders[0])
        print(table(columns, under_load), flush=True)
        waits = latency(folders[1], even_lines(), given.rate // 10, min(given.seconds, 60))
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    text = "# The service under a steady load\n\n" + "".join(f"* {fact}\n" for fact in facts)
    text += f"* load at the end: {os.getloadavg()[0]:.1f}\n"
    text += f"* beside it: {given.also}\n" if given.also else ""
    text += f"\nFrom a followed log to a file, both in memory, policy baseline, {given.seconds} seconds.\n\n"
    text += table(columns, under_load)
    text += "\nFrom the write of a line to when it can be read in the output, at a tenth of the load:\n\n"
    text += table(columns, waits)
    print(text, end="")
    if given.output:
        with open(os.path.join(ROOT, given.output), "w", encoding="utf-8") as out:
            out.write(text)


if __name__ == "__main__":
    sys.exit(main())
