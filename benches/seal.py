#!/usr/bin/env python3
"""Measures what sealing costs: the filter that seals every line against the filter alone, on two threads.

What counts is the median, over pairs in turns, of the ratio of speeds, by the wall clock and by CPU seconds: the
first is what somebody waits for, the second is the same on a machine with other work. The log is made of the sample's
lines with other addresses, or is one that is given. It is also said what of the run's policy does: sealing what rules
point out, and nothing.
"""

import argparse
import os
import statistics
import sys
import tempfile

from compare import ROOT, TAMIS, generate, machine, run, table, verdict

# From the documentation of age: nobody needs to open what is measured.
RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'
BAR = 0.4


def policy(folder, words):
    """The baseline with other words for what is sealed."""
    with open(os.path.join(ROOT, 'samples/policies/baseline.toml'), encoding='utf-8') as text:
        lines = [f'seal = {words}\n' if line.startswith('seal = ') else line for line in text]
    path = os.path.join(folder, f'{len(words)}.toml')
    with open(path, 'w', encoding='utf-8') as out:
        out.writelines(lines)
    return path


def sealed_bytes(folder):
    """How many bytes of segments there are."""
    return sum(os.path.getsize(os.path.join(path, name))
               for path, _, names in os.walk(os.path.join(folder, 'segments')) for name in names)


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--log', metavar='FILE', help='a log in the combined format')
    parser.add_argument('--bytes', type=int, default=400_000_000, help='how large the log is that is made')
    parser.add_argument('--pairs', type=int, default=7)
    parser.add_argument('-o', '--output', help='also write the table to this file')
    given = parser.parse_args()
    facts, rows = machine(), []
    with tempfile.TemporaryDirectory() as folder:
        log = given.log
        if log is None:
            log = os.path.join(folder, 'log')
            generate(log, given.bytes, False)
        size = os.path.getsize(log)
        common = ['--format', 'combined', '--threads', '2', '-o', '/dev/null']
        for name, words, bar in (('every line', '["all"]', BAR), ('refused lines', '["refused"]', None),
                                 ('refused lines, rules, behaviour', '["refused", "rules", "behaviour"]', None)):
            quarantine = os.path.join(folder, f'quarantine-{len(rows)}')
            run(TAMIS, 'quarantine', 'init', quarantine, '--security', RECIPIENT)
            alone = [*common, '--policy', policy(folder, words), log]
            pairs = [(run(TAMIS, '--quarantine', quarantine, *alone), run(TAMIS, *alone))
                     for _ in range(given.pairs + 1)]
            cpu = statistics.median(usual.cpu / sealing.cpu for sealing, usual in pairs[1:])
            wall = statistics.median(usual.wall / sealing.wall for sealing, usual in pairs[1:])
            medians = [statistics.median(getattr(pair[side], what) for pair in pairs[1:])
                       for what in ('wall', 'cpu') for side in (0, 1)]
            rows.append([name, *(f'{second:.2f}' for second in medians), f'{wall:.2f}', f'{cpu:.2f}',
                         f'at least {bar}' if bar else '', verdict(wall, bar, at_most=False) if bar else '',
                         f'{max(sealing.peak for sealing, _ in pairs) / 2**20:.0f} MiB',
                         f'{sealed_bytes(quarantine) / len(pairs) / size:.1%}'])
    columns = ('sealed', 'sealing, s', 'alone, s', 'sealing, CPU s', 'alone, CPU s', 'speed, of that alone', 'by CPU',
               'bar', 'reached', 'peak memory', 'of the log')
    text = '# What sealing costs\n\n' + ''.join(f'* {fact}\n' for fact in facts)
    text += f'* log: {size / 1e6:.0f} MB' + (', which was given\n' if given.log else '\n')
    text += f'\nTwo threads: medians of {given.pairs} runs in turns.\n\n' + table(columns, rows)
    print(text, end='')
    if given.output:
        with open(os.path.join(ROOT, given.output), 'w', encoding='utf-8') as out:
            out.write(text)


if __name__ == '__main__':
    sys.exit(main())
