#!/usr/bin/env python3
"""Shows that no line takes longer than its length says, whatever a visitor writes into it, and prints a table.

Each format's example is filled up, at each of its places, with one text again and again: what ends values, what
escapes, what secrets and attacks begin with. The same bytes are given as long lines and as lines of a tenth of that
length. If a byte of a long line takes more than three times as long (user CPU time), something is looked at more
than once: that is told, and the script ends with 1.
"""

import argparse
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

from compare import TAMIS
from seal import RECIPIENT

TEXTS = ['"', ' "', '" ', '","', '\\"', '\\', '|', '|a', ',', ', ', ' : ', ':', '::', '%', '%2', '%25', '%2525', '%00',
         '%C3%A9', '&', '&a=', '=', ';', '; ', '/', '/1', '/a1b2', '/.', '../', '.', '-', '_', 'a', 'A', '1', '1a',
         'aA1', '1.', '1:', '1-', '(', ')', '[', ']', '[[', '{', '{"a":', '"a":1,', '}', '\\u0041', '\\x41', '\0', 'é',
         '@', 'a@', 'a@b.', 'a@b.c ', 'a.', '<', '<script', "'", "' or ", '+', '?', '?a=b', '#', '\t', ' ', '- ',
         'a=b ', 'k="v" ', '[1] ', 'a,b ', 'HTTP/1.1 ', 'http://', '://', 'http://a@', 'Mozilla/5.0 (', 'Chrome/1 ',
         'bot', 'xn--', 'eyJ', 'eyJ.', 'password=', 'password%3Da%26', 'Authorization', 'Authorization: a ',
         'Bearer ', 'Bearer%20-', 'Basic ', '%40', '%2F%2F', '${jndi:', 'union select ', '192.0.2.1 ', '2001:db8::']
OWN = ('$remote_addr|$time_local|$request_method|$uri|$server_protocol|$status|$bytes_sent',
       '192.0.2.7|22/Nov/2026:14:05:37 +0000|GET|/index.html|HTTP/1.1|200|5120')
LONG, SHORT, TOTAL = 60_000, 6_000, 3_000_000
PLACE = re.compile(r'[ \t",:/\[?=|]')
RATIO_MAX = 3
# From so many megabytes a second on, the time is too short to tell anything.
SPEED_END = 300


def examples():
    """The names of the formats, each with the options that ask for it and its last example."""
    told = subprocess.run([TAMIS, 'formats', 'list'], capture_output=True, text=True, check=True).stdout
    found, head = {}, {}
    for line in told.splitlines():
        if not line.startswith(' '):
            name = line.split()[0]
        else:
            head.setdefault(name, []).append(line.strip())
    for name, lines in head.items():
        found[name] = (['--format', name], lines)
    found['a string of one\'s own'] = (['--nginx-format', OWN[0]], [OWN[1]])
    return found


def lines(example, text, length, total):
    """The example with the text filled in at its places, until there are so many bytes."""
    places = [found.end() for found in PLACE.finditer(example)]
    places = sorted({0, len(example), *places[::max(1, len(places) // 12)]})
    filler = text * (length // len(text.encode()))
    made = [example[:at] + filler + example[at:] for at in places]
    return made * max(1, total // (length * len(made)))


def seconds(folder, options, head, body):
    """The CPU time that this takes."""
    path = folder / 'hostile.log'
    path.write_text('\n'.join(head + body) + '\n', encoding='utf-8')
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([TAMIS, 'filter', path, '--threads', '1', '-o', folder / 'clean.jsonl', *options],
                          capture_output=True, check=False)
    if done.returncode:
        sys.exit(f'tamis ended with {done.returncode}: {done.stderr.decode()}')
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def measure(folder, options, example, text, total, turns):
    """How many times longer a byte of a long line takes than one of a short one, and its megabytes a second."""
    head, start, speeds = example[:-1], None, []
    for body in ([example[-1]], *(lines(example[-1], text, length, total) for length in (LONG, SHORT))):
        took = min(seconds(folder, options, head, body) for _ in range(turns))
        if start is None:
            start = took
        else:
            speeds.append(sum(map(len, body)) / max(took - start, 0.002) / 1e6)
    return speeds[1] / speeds[0], speeds[0]


def is_slow(told):
    """Whether a byte of a long line takes too much longer than one of a short one."""
    return told[0] > RATIO_MAX and told[1] < SPEED_END


def worst(folder, more, found):
    """The worst of the texts in long lines, as (ratio, megabytes a second, format, text), the lowest speed, and how
    many there were. What looks bad in a few milliseconds is measured again, longer."""
    ratios = []
    for name, (options, example) in found.items():
        for text in TEXTS:
            told = measure(folder, options + more, example, text, TOTAL, 1)
            if is_slow(told):
                told = measure(folder, options + more, example, text, 5 * TOTAL, 3)
            ratios.append((*told, name, text))
    timed = [told for told in ratios if told[1] < SPEED_END] or ratios
    return sorted(timed, reverse=True)[:3], min(told[1] for told in ratios), len(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--formats', nargs='*', help='these alone')
    options = parser.parse_args()
    found = examples()
    if options.formats:
        found = {name: found[name] for name in options.formats}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([TAMIS, 'quarantine', 'init', folder / 'quarantine', '--security', RECIPIENT],
                       capture_output=True, check=True)
        ways = {
            'records and counts': (['--counts', str(folder / 'counts.json')], found),
            'sealed, with rules for attacks': (['--quarantine', str(folder / 'quarantine')],
                                               {name: found[name] for name in ('combined', 'caddy') if name in found}),
        }
        print('| what is done | formats and texts | the slowest, MB/s | long lines against short ones, at most '
              '| where |')
        print('| --- | --- | --- | --- | --- |')
        is_good = True
        for way, (more, of) in ways.items():
            slowest, speed, count = worst(folder, more, of)
            ratio, _, name, text = slowest[0]
            is_good &= not any(map(is_slow, slowest))
            print(f'| {way} | {count} | {speed:.0f} | {ratio:.2f} | {name}, `{text!r}` |')
            for ratio, speed, name, text in slowest:
                if is_slow((ratio, speed)):
                    print(f'slow: {name}, {text!r}: {speed:.1f} MB/s, {ratio:.1f} times the time', file=sys.stderr)
    sys.exit(0 if is_good else 1)


if __name__ == '__main__':
    main()
