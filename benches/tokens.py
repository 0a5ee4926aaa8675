#!/usr/bin/env python3
"""Measures what tokens cost: `--client token` against the filter alone, on one core, and prints a table.

What decides is how soon an address comes again, so there are two logs: one of visits, as most are, and one in
which addresses are scattered. Each is made of the sample's lines, or is a log that is given, with its times moved
to the last hour, because only then is there a key. The lines of a made log all repeat, so that everything else
costs less than in life and tokens look dearer; the bars are for logs that are given. What counts is the median,
over pairs in turns, of the CPU seconds' ratios. Where there is valgrind, the instructions of a part of the log are
counted too: they are the same on a busy machine.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from compare import ROOT, SAMPLE, TAMIS, machine, run, table, verdict

TIME = re.compile(rb'\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]')
# Instructions are counted on so many lines, which take a minute under valgrind.
COUNTED_LINES = 100_000
# Visitors who are there at once, and how many requests each makes on average: four of five addresses are among
# the last thousand, as in public logs.
VISITORS = 200
REQUESTS = 6
# Addresses of the scattered log: half a million, some of which come more often.
SCATTERED = 500_000


def visits(dice):
    """Addresses as visitors come: each makes a few requests among those of others."""
    there = [dice.getrandbits(32) for _ in range(VISITORS)]
    while True:
        place = dice.randrange(VISITORS)
        yield there[place]
        if dice.random() < 1 / REQUESTS:
            there[place] = dice.getrandbits(32)


def scattered(dice):
    """Addresses that come again, but not soon."""
    number = 0
    while True:
        number += 1
        at = int(SCATTERED * dice.random() ** 3) if number % 3 else number % SCATTERED
        yield (at * 2654435761 + 12345) & 0xffffffff


def address(bits):
    """An address of the network for benchmarks or of a private one, by its last 25 bits."""
    first = 10 if bits & 1 << 24 else 198
    second = bits >> 16 & 255 if first == 10 else 18 + (bits >> 16 & 1)
    return b'%d.%d.%d.%d' % (first, second, bits >> 8 & 255, bits & 255)


def write(given, addresses, size, path):
    """Writes the log that was given, over and over, or one of the sample's lines, with times of the last hour."""
    with open(given or SAMPLE, 'rb') as log:
        lines = [line.rstrip(b'\r\n') for line in log if TIME.search(line)]
    start, written, number, stamps = int(time.time()) - 3_600, 0, 0, {}
    total = size // (sum(map(len, lines)) // len(lines) + 1) + 1
    with open(path, 'wb') as out:
        while written < size:
            line = lines[number % len(lines)]
            second = start + min(number * 3_000 // total, 3_000)
            if second not in stamps:
                stamps[second] = time.strftime('[%d/%b/%Y:%H:%M:%S +0000]', time.gmtime(second)).encode()
            line = TIME.sub(stamps[second], line, count=1)
            if not given:
                line = address(next(addresses)) + line[line.index(b' '):]
            written += out.write(line + b'\n')
            number += 1


def instructions(options, log):
    """How many instructions a run takes, under valgrind."""
    done = subprocess.run(['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', TAMIS, *options, log],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return int(re.search(rb'Collected : (\d+)', done.stderr)[1])


def counted(with_it, without, log, folder):
    """What tokens add to the instructions of the first lines of a log, beyond those of a run without lines."""
    part, empty = os.path.join(folder, 'part'), os.path.join(folder, 'empty')
    with open(log, 'rb') as lines, open(part, 'wb') as out:
        out.writelines(line for line, _ in zip(lines, range(COUNTED_LINES)))
    open(empty, 'wb').close()
    ours, usual = (instructions(options, part) - instructions(options, empty) for options in (with_it, without))
    return ours / COUNTED_LINES, usual / COUNTED_LINES


def check(options, log):
    """Every clean line must have a token, or the cost says nothing."""
    done = subprocess.run([TAMIS, *options, '--summary', 'json', log], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=True)
    if 'have no client' in done.stderr:
        sys.exit(f'lines of {os.path.basename(log)} have no token: {done.stderr}')


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--visits', metavar='FILE', help='a log in the combined format with ordinary reuse of addresses')
    parser.add_argument('--scattered', metavar='FILE', help='one whose addresses are scattered')
    parser.add_argument('--bytes', type=int, default=400_000_000, help='how much of each')
    parser.add_argument('--pairs', type=int, default=7)
    parser.add_argument('-o', '--output', help='also write the table to this file')
    given = parser.parse_args()
    rows, dice = [], random.Random(1)
    facts = machine()
    with tempfile.TemporaryDirectory() as folder:
        log, keys = os.path.join(folder, 'log'), os.path.join(folder, 'keys')
        without = ['--format', 'combined', '--threads', '1', '-o', '/dev/null']
        with_it = [*without, '--client', 'token', '--key-dir', keys]
        for name, own, addresses, bar in (('visits', given.visits, visits(dice), 15),
                                          ('scattered', given.scattered, scattered(dice), 35)):
            write(own, addresses, given.bytes, log)
            check(with_it, log)
            pairs = [(run(TAMIS, *with_it, log).cpu, run(TAMIS, *without, log).cpu) for _ in range(given.pairs + 1)]
            ours, usual = zip(*pairs[1:])
            cost = (statistics.median(a / b for a, b in pairs[1:]) - 1) * 100
            row = [name + (', a log that was given' if own else ''),
                   f'{statistics.median(ours):.3f} ({min(ours):.3f})', f'{statistics.median(usual):.3f} ({min(usual):.3f})',
                   f'{cost:+.0f}%', f'at most +{bar}%', verdict(cost, bar, at_most=True)]
            if shutil.which('valgrind'):
                ours, usual = counted(with_it, without, log, folder)
                row.append(f'{ours:.0f}, {usual:.0f}: {(ours / usual - 1) * 100:+.0f}%')
            else:
                row.append('valgrind is not there')
            rows.append(row)
    columns = ('addresses', 'with tokens, s', 'filter alone, s', 'cost', 'bar', 'reached', 'instructions a line')
    text = '# What tokens cost\n\n' + ''.join(f'* {fact}\n' for fact in facts)
    text += f'* logs: {given.bytes / 1e6:.0f} MB each\n'
    text += f'\nOne core: medians of {given.pairs} runs in turns, the least in brackets.\n\n' + table(columns, rows)
    print(text, end='')
    if given.output:
        with open(os.path.join(ROOT, given.output), 'w', encoding='utf-8') as out:
            out.write(text)


if __name__ == '__main__':
    main()
