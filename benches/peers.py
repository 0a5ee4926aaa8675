#!/usr/bin/env python3
"""Gives the same log to tamis and to what people use, and tells what came out: identifiers, lines, time, memory.

Each line of the log holds identifiers that are made up and occur nowhere else, and the same search looks for them in
everything that a program wrote, standard error included. That the search works is shown first: in the log itself it
finds each of them. All programs are set as strictly as their options allow. One that is not there is skipped, loudly.

    benches/peers.py [--lines N] [--pairs N] [-o FILE]
"""

import argparse
import collections
import datetime
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import compare  # noqa: E402  (the same ways of running programs)
from compare import ROOT, TAMIS, count_lines, find, say, table  # noqa: E402

AGENT = ('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 '
         'Safari/537.36')
RSYSLOG = """\
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imfile")
module(load="mmanon")
template(name="line" type="string" string="%msg%\\n")
input(type="imfile" File="{log}" Tag="log" ruleset="clean")
ruleset(name="clean") {{
  action(type="mmanon" ipv4.bits="16" ipv6.bits="96" embeddedipv4.bits="96")
  action(type="omfile" file="{folder}/out.log" template="line")
}}
"""
# What the search knows: words with a mark, and every writing of an address.
WORD = re.compile(rb'zq[a-z0-9]{12}')
ADDRESS = re.compile(rb'198[.-]1[89][.-]\d+[.-]\d+|2001:db8:[0-9a-f:]{8,}|\b33[0-9]{8}\b', re.IGNORECASE)


class Planted:
    """A log, and what is in it: the kind of each identifier by its writing."""

    def __init__(self, lines):
        self.dice = random.Random(20261122)
        self.kinds = {}
        self.seen = set()
        makers = [getattr(self, name) for name in sorted(dir(self)) if name.startswith('line_')]
        self.lines = [makers[number % len(makers)](number) for number in range(lines)]

    def word(self, kind):
        letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
        return self.note(kind, 'zq' + ''.join(self.dice.choices(letters, k=12)))

    def note(self, kind, text):
        self.kinds[text.encode().lower()] = kind
        return text

    def quad(self):
        """Of 198.18.0.0/15, which is set aside for measurements; no two alike."""
        while True:
            quad = (198, self.dice.choice((18, 19)), self.dice.randrange(1, 256), self.dice.randrange(1, 255))
            if quad not in self.seen:
                self.seen.add(quad)
                return quad

    def ipv4(self, kind='address in its column'):
        return self.note(kind, '.'.join(map(str, self.quad())))

    def ipv6(self, kind='address in its column'):
        groups = [f'{self.dice.randrange(0x1000, 0x10000):x}' for _ in range(6)]
        return self.note(kind, '2001:db8:' + ':'.join(groups))

    def line(self, number, client=None, user='-', target='/', status=200, referrer='-', agent=AGENT):
        stamp = time.strftime('%d/%b/%Y:%H:%M:%S +0000', time.gmtime(compare.LOG_START + number // 50))
        client = client or self.dice.choice((self.ipv4, self.ipv6))()
        return f'{client} - {user} [{stamp}] "GET {target} HTTP/1.1" {status} 512 "{referrer}" "{agent}"'

    def line_address(self, number):
        return self.line(number, self.dice.choice((self.ipv4, self.ipv6))())

    def line_address_otherwise(self, number):
        kind = 'address written otherwise'
        quad = self.quad()
        dashed, dotted = '-'.join(map(str, quad)), '.'.join(map(str, quad))
        number_of = int.from_bytes(bytes(quad), 'big')
        writing = self.dice.choice((f'::ffff:{dotted}', f'{dotted}:52011', f'dsl-{dashed}.isp.example', str(number_of)))
        self.note(kind, dashed if 'dsl' in writing else dotted if '.' in writing else writing)
        return self.line(number, writing)

    def line_second_address(self, number):
        return self.line(number, f"{self.ipv4()},{self.ipv6('second address of a list')}")

    def line_user(self, number):
        return self.line(number, user=self.word('user name'))

    def line_path(self, number):
        word = self.word('in the path')
        form = self.dice.choice(('/users/%s/orders', '/reset/%s', '/mail/%s@example.com'))
        return self.line(number, target=form % word)

    def line_query(self, number):
        return self.line(number, target=f"/search?q={self.word('in the query')}&page=2")

    def line_referrer(self, number):
        return self.line(number, referrer=f"https://www.example.com/inbox/{self.word('in the referrer')}?a=1")

    def line_agent(self, number):
        return self.line(number, agent=f"ExampleApp/2.1 (device {self.word('in the agent')})")

    def line_address_elsewhere(self, number):
        kind = 'address in the query or referrer'
        referrer = f'http://example.com/?c={self.ipv6(kind)}'
        return self.line(number, target=f'/?from={self.ipv4(kind)}', referrer=referrer)

    def line_not_found(self, number):
        return self.line(number, target=f"/{self.word('in a path that is not there')}", status=404)

    def line_broken(self, number):
        kind = 'in a line that is not understood'
        whole = self.line(number, self.ipv4(kind), target='/' + self.word(kind))
        form = self.dice.randrange(4)
        if form == 0:
            return ' ' + whole
        if form == 1:
            return whole[:whole.index('HTTP')]
        if form == 2:
            return 'www.example.com:443 ' + whole
        return whole.replace(' - - ', '\t-\t-\t')

    def text(self):
        return ('\n'.join(self.lines) + '\n').encode()

    def found(self, text):
        """How many identifiers of each kind are in a text."""
        text = text.lower()
        found = {match for match in WORD.findall(text)}
        for match in ADDRESS.findall(text):
            found.update((match, match.rstrip(b':')))
        return collections.Counter(self.kinds[one] for one in found if one in self.kinds)


# The programs: each runs over a log, and gives what it wrote, how many lines of it are lines of the log, what it took.


def run(arguments, log, folder):
    """Runs a program with the log as its standard input."""
    out, err = os.path.join(folder, 'out'), os.path.join(folder, 'err')
    with open(log, 'rb') as source, open(out, 'wb') as output, open(err, 'wb') as errors:
        start, peak = time.perf_counter(), 0
        process = subprocess.Popen(arguments, stdin=source, stdout=output, stderr=errors)
        while process.poll() is None:
            peak = max(peak, peak_of(process))
            time.sleep(0.002)
        wall = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f'{os.path.basename(arguments[0])} failed with status {process.returncode}')
    return wall, peak, out, err


def peak_of(process):
    """The peak memory of a running process. What is told at its end has that of this script in it."""
    try:
        with open(f'/proc/{process.pid}/status', encoding='ascii', errors='replace') as file:
            found = re.search(r'VmHWM:\s+(\d+)', file.read())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def told(*paths):
    text = b''
    for path in paths:
        with open(path, 'rb') as file:
            text += file.read()
    return text


def tamis(log, folder):
    arguments = [TAMIS, '--threads', '2', '--summary', 'json', '--counts', os.path.join(folder, 'counts.json')]
    wall, peak, out, err = run(arguments, log, folder)
    with open(err, encoding='utf-8') as file:
        summary = json.loads(file.read().splitlines()[-1])
    refused = sum(summary['refused'].values())
    text = told(out, err, os.path.join(folder, 'counts.json'))
    return text, f"{summary['clean']:,} + {refused:,} refused and counted", wall, peak


def anonip(program):
    def measure(log, folder):
        arguments = [program, '-4', '16', '-6', '96', '--replace', '0.0.0.0']
        wall, peak, out, err = run(arguments, log, folder)
        return told(out, err), f'{count_lines(out):,}', wall, peak
    return measure


def alog(program):
    def measure(log, folder):
        wall, peak, out, err = run([program, '--authuser', '--thorough', '--skip-invalid'], log, folder)
        return told(out, err), f'{count_lines(out):,}', wall, peak
    return measure


def goaccess(program):
    def measure(log, folder):
        report, invalid = os.path.join(folder, 'report.json'), os.path.join(folder, 'invalid')
        arguments = [program, '-', '--log-format=COMBINED', '--no-global-config', '--no-progress', '--no-query-string',
                     '--anonymize-ip', '--anonymize-level=3', '-o', report, f'--invalid-requests={invalid}']
        wall, peak, out, err = run(arguments, log, folder)
        with open(report, encoding='utf-8', errors='replace') as file:
            general = json.load(file)['general']
        text = told(report, out, err, *([invalid] if os.path.exists(invalid) else []))
        lines = f"{general['valid_requests']:,} counted + {general['failed_requests']:,} to a file as they were"
        return text, lines, wall, peak
    return measure


def mmanon(program):
    def measure(log, folder):
        settings, out = os.path.join(folder, 'rsyslog.conf'), os.path.join(folder, 'out.log')
        with open(settings, 'w', encoding='utf-8') as file:
            file.write(RSYSLOG.format(folder=folder, log=log))
        size, start = os.path.getsize(log), time.perf_counter()
        process = subprocess.Popen([program, '-n', '-iNONE', '-f', settings], cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        grown, changed, peak = -1, start, 0
        while time.perf_counter() - changed < compare.STILL_SECONDS and process.poll() is None:
            time.sleep(0.01)
            peak = max(peak, peak_of(process))
            now = os.path.getsize(out) if os.path.exists(out) else 0
            if now != grown:
                grown, changed = now, time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait()
        if grown < size * 0.3:
            raise OSError('rsyslogd did not write the lines that it read')
        return told(out), f'{count_lines(out):,}', changed - start, peak
    return measure


def programs():
    yield 'tamis', tamis
    for name, variable, measure in (('anonip', None, anonip), ('alog', 'ALOG', alog), ('goaccess', None, goaccess),
                                    ('rsyslogd', None, mmanon)):
        if program := find(name, variable):
            yield {'goaccess': 'GoAccess', 'rsyslogd': 'rsyslog mmanon'}.get(name, name), measure(program)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--lines', type=compare.count, default=110_000, help='of the log (default: 110000)')
    parser.add_argument('--pairs', type=compare.count, default=3, help='how often each runs (default: 3)')
    parser.add_argument('-o', '--output', metavar='FILE', help='where the tables go, besides standard output')
    options = parser.parse_args()
    if not os.path.exists(TAMIS):
        sys.exit('build first: cargo build --release')
    facts = compare.machine()
    planted = Planted(options.lines)
    text = planted.text()
    all_of = collections.Counter(planted.kinds.values())
    if planted.found(text) != all_of:
        sys.exit('the search does not find in the log what was planted there')
    rows, kinds, failures = [], {}, 0
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, 'access.log')
        with open(log, 'wb') as file:
            file.write(text)
        for name, measure in programs():
            say(f'{name} ...')
            taken = []
            for turn in range(options.pairs):
                own = os.path.join(folder, f'{name.split()[0]}-{turn}')
                os.mkdir(own)
                taken.append(measure(log, own))
            kinds[name] = planted.found(taken[0][0])
            leaks = sum(kinds[name].values())
            failures += leaks if name == 'tamis' else 0
            wall = statistics.median(wall for _, _, wall, _ in taken)
            peak = max(peak for _, _, _, peak in taken)
            rows.append((name, f'{leaks:,} of {sum(all_of.values()):,}', taken[0][1], f'{len(text) / wall / 1e6:.1f}',
                         f'{peak / compare.MIB:.0f} MiB'))
    today = datetime.date.today().isoformat()
    out = f'# Compared with others on {today}\n\n' + ''.join(f'* {fact}\n' for fact in facts)
    out += f'* log: {options.lines:,} lines, {len(text) / 1e6:.0f} MB, made by this script\n'
    out += f'\nMedians of {options.pairs} runs. The speed has the start of each program in it.\n\n'
    out += table(('', 'identifiers that came out', f'lines, of {options.lines:,}', 'MB/s', 'peak memory'), rows)
    out += '\nWhich ones came out, by kind:\n\n'
    out += table(('', 'planted', *kinds), [(kind, f'{all_of[kind]:,}', *(f'{kinds[name][kind]:,}' for name in kinds))
                                           for kind in sorted(all_of)])
    out += '\nA report of GoAccess shows some hundred rows of each kind at most, and its file of invalid lines all.\n'
    out += ''.join(f'\n* skipped: {why}' for why in compare.SKIPPED)
    print(out)
    if options.output:
        with open(os.path.join(ROOT, options.output), 'w', encoding='utf-8') as file:
            file.write(out)
    if failures:
        sys.exit(f'{failures} identifiers came out of tamis')


if __name__ == '__main__':
    sys.exit(main())
