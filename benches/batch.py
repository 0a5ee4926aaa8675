#!/usr/bin/env python3
"""Measures `tamis batch` over folders of archives, side by side with their decompression alone, and prints tables.

A folder has as many archives as cores and one more, of equal content, made of the sample's lines, or of a log that
is given. Decompression alone is `zcat FILE | wc -l` (or `zstd -dc`) for all files, as many at once as there are
cores. What counts is the median, over pairs in turns, of the ratios of wall times.
"""

import argparse
import gzip
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from compare import MIB, ROOT, SAMPLE, TAMIS, machine, run, table, verdict

FILES = 6
BOMB_BYTES = 10 << 30


def content(path, size):
    """So many bytes of whole lines."""
    with open(path, 'rb') as log:
        text = log.read(size)
    text = text[:text.rindex(b'\n') + 1]
    return text * max(1, size // len(text))


def fill(folder, log, size, pack):
    """Writes archives of so much content each."""
    text = content(log, size)
    os.mkdir(folder)
    for number in range(FILES):
        with open(os.path.join(folder, f'access.log.{number}'), 'wb') as file:
            # A line of its own keeps files from being the same.
            line = text[:text.index(b'\n') + 1] * (number + 1)
            file.write(subprocess.run(pack, input=line + text, stdout=subprocess.PIPE, check=True).stdout)


def apart(act, *arguments):
    """Does something in a process of its own: what it takes would count as the peak of what is started later."""
    process = multiprocessing.Process(target=act, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f'{act.__name__} failed')


def decompress(folder, tool, jobs):
    """Seconds that decompression alone takes."""
    names = '\0'.join(sorted(os.path.join(folder, name) for name in os.listdir(folder)))
    start = time.perf_counter()
    subprocess.run(['xargs', '-0', '-n', '1', '-P', str(jobs), 'sh', '-c', f'{tool} "$0" | wc -l'],
                   input=names.encode(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def batch(folder, threads, *options):
    """What a run over a folder takes."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as out:
        return run(TAMIS, 'batch', folder, '-o', out, '--threads', str(threads), *options)


def bomb(folder):
    """Seconds, peak and message of a run over ten gibibytes in ten megabytes."""
    path = os.path.join(folder, 'bomb')
    os.mkdir(path)
    with gzip.open(os.path.join(path, 'bomb.gz'), 'wb', 9) as file:
        lines = b'\n' * MIB
        for _ in range(BOMB_BYTES // MIB):
            file.write(lines)
    start = time.perf_counter()
    process = subprocess.Popen([TAMIS, 'batch', path, '-o', path + '.out'], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    size = os.path.getsize(os.path.join(path, 'bomb.gz'))
    return (f'* a bomb of 10 GiB in {size / 1e6:.1f} MB: ends with {process.returncode} after '
            f'{time.perf_counter() - start:.1f} s, peak {usage.ru_maxrss / 1024:.0f} MiB: '
            f'{said.strip().splitlines()[0].split(": ", 2)[-1]}\n')


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--log', default=SAMPLE, help='a log in the combined format')
    parser.add_argument('--bytes', type=int, default=100_000_000, help='the content of each archive')
    parser.add_argument('--pairs', type=int, default=5)
    parser.add_argument('--no-bomb', action='store_true')
    parser.add_argument('-o', '--output', help='also write the table to this file')
    given = parser.parse_args()
    cores, rows, scaling = os.cpu_count(), [], []
    facts = machine()
    with tempfile.TemporaryDirectory() as root:
        size = given.bytes * FILES
        for name, pack, tool in (('gzip', ['gzip', '-c'], 'zcat'), ('zstd', ['zstd', '-qc'], 'zstd -qdc'),
                                 ('plain', ['cat'], 'cat')):
            if not shutil.which(pack[0]):
                print(f'{pack[0]} is not there: skipped', file=sys.stderr)
                continue
            folder = os.path.join(root, name)
            apart(fill, folder, given.log, given.bytes, pack)
            # Else what was written last is brought to the disk while the first runs wait for theirs.
            os.sync()
            decompress(folder, tool, cores), batch(folder, cores)
            pairs = [(batch(folder, cores), decompress(folder, tool, cores)) for _ in range(given.pairs)]
            ratio = statistics.median(ours.wall / alone for ours, alone in pairs)
            ours, alone = [spent.wall for spent, _ in pairs], [alone for _, alone in pairs]
            bar = ('at most 1.5', verdict(ratio, 1.5, at_most=True)) if name != 'plain' else ('', '')
            rows.append([name, f'{statistics.median(ours):.2f} ({min(ours):.2f})',
                         f'{statistics.median(alone):.2f} ({min(alone):.2f})', f'{ratio:.2f}', *bar,
                         f'{size / statistics.median(ours) / 1e6:.0f} MB/s',
                         f'{max(spent.peak for spent, _ in pairs) / MIB:.0f} MiB'])
            pairs = [(batch(folder, 1).wall, batch(folder, 2).wall) for _ in range(given.pairs)]
            gain = statistics.median(one / two for one, two in pairs)
            scaling.append([name, f'{gain:.2f}', 'at least 1.7', verdict(gain, 1.7, at_most=False)])
        said = '' if given.no_bomb else bomb(root)
    columns = ('archives', 'tamis batch, s', 'decompression alone, s', 'ratio', 'bar', 'reached', 'content', 'peak')
    text = '# Archives\n\n' + ''.join(f'* {fact}\n' for fact in facts)
    text += f'* {FILES} archives of {given.bytes / 1e6:.0f} MB each\n{said}'
    text += f'\nAll cores: medians of {given.pairs} runs in turns, the least in brackets.\n\n' + table(columns, rows)
    text += '\nTwo threads against one:\n\n' + table(('archives', 'times as fast', 'bar', 'reached'), scaling)
    print(text, end='')
    if given.output:
        with open(os.path.join(ROOT, given.output), 'w', encoding='utf-8') as out:
            out.write(text)


if __name__ == '__main__':
    main()
