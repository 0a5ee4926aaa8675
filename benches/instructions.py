#!/usr/bin/env python3
"""Counts the instructions that a line takes, by what is done with it, with callgrind.

Seconds differ from run to run and from machine to machine; instructions of one program on one input do not, whatever
else a machine is doing. So a change that makes a line dearer is seen here even on a noisy one. What is counted is the
difference between two logs, one of which is longer by a known number of lines: the start is in neither.

    benches/instructions.py [--lines N] [-o FILE]
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from compare import ROOT, TAMIS, count, find, first_line, say, table, write_log  # noqa: E402
from seal import RECIPIENT, policy  # noqa: E402

# As a log in the combined format is written by other servers.
NGINX = "$remote_addr [$time_iso8601] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\""
COMBINED = re.compile(r'^(\S+) \S+ \S+ \[([^]]+)\] "([^"]*)" (\d+) (\S+) "([^"]*)" "([^"]*)"$')


def as_json(line):
    found = COMBINED.match(line)
    if not found:
        return None
    keys = ('remote_addr', 'time_local', 'request', 'status', 'body_bytes_sent', 'http_referer', 'http_user_agent')
    return json.dumps(dict(zip(keys, found.groups())), separators=(',', ':'))


def as_nginx(line):
    found = COMBINED.match(line)
    if not found:
        return None
    address, stamp, request, status, size, referrer, agent = found.groups()
    time = datetime.datetime.strptime(stamp, '%d/%b/%Y:%H:%M:%S %z').isoformat()
    return f'{address} [{time}] "{request}" {status} {size} "{referrer}" "{agent}"'


def instructions(arguments, log, folder):
    """How many instructions a run takes."""
    out = os.path.join(folder, 'callgrind')
    with open(log, 'rb') as source:
        done = subprocess.run(
            ['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}', TAMIS, '--threads', '1', *arguments],
            stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, text=True)
    found = re.search(r'Collected : (\d+)', done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f'valgrind could not run tamis {" ".join(arguments)}:\n{done.stderr[-2000:]}')
    return int(found[1])


def logs(folder, lines):
    """Two logs for each form of lines: the first quarter of them, and all of them."""
    whole = os.path.join(folder, 'made')
    write_log(whole, lines * 300, distinct=False)
    with open(whole, encoding='utf-8') as file:
        text = [line.rstrip('\n') for line in file if COMBINED.match(line)][:lines]
    made = {}
    for name, form in (('combined', str), ('json', as_json), ('nginx', as_nginx)):
        rows = [form(line) for line in text]
        made[name] = []
        for part in (rows[:len(rows) // 4], rows):
            path = os.path.join(folder, f'{name}-{len(part)}')
            with open(path, 'w', encoding='utf-8') as file:
                file.write('\n'.join(part) + '\n')
            made[name].append((path, len(part), os.path.getsize(path)))
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--lines', type=count, default=40_000, help='of the log (default: 40000)')
    parser.add_argument('-o', '--output', metavar='FILE', help='where the table goes, besides standard output')
    options = parser.parse_args()
    if not os.path.exists(TAMIS):
        sys.exit('build first: cargo build --release')
    if not find('valgrind'):
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        made = logs(folder, options.lines)
        keys = os.path.join(folder, 'keys')
        quarantine = os.path.join(folder, 'quarantine')
        subprocess.run([TAMIS, 'quarantine', 'init', quarantine, '--security', RECIPIENT], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lanes = (('filter', 'combined', []), ('`--emit combined`', 'combined', ['--emit', 'combined']),
                 ('`--emit csv`', 'combined', ['--emit', 'csv']),
                 ('`--client token`', 'combined', ['--client', 'token', '--key-dir', keys]),
                 ('`--counts`', 'combined', ['--counts', os.path.join(folder, 'counts.json')]),
                 ('sealing every line', 'combined',
                  ['--policy', policy(folder, '["all"]'), '--quarantine', quarantine]),
                 ('JSON lines', 'json', ['--format', 'nginx-json']),
                 ('a string of nginx', 'nginx', ['--nginx-format', NGINX]))
        for name, form, arguments in lanes:
            say(f'{name} ...')
            (short, few, fewer_bytes), (long, many, bytes_) = made[form]
            spent = instructions(arguments, long, folder) - instructions(arguments, short, folder)
            rows.append((name, f'{spent / (many - few):,.0f}', f'{spent / (bytes_ - fewer_bytes):.2f}'))
    out = f'# Instructions on {datetime.date.today().isoformat()}\n\n* {first_line(TAMIS, "--version")}, '
    out += f'{first_line("valgrind", "--version")}, {os.uname().machine}\n'
    out += f'* a log of {options.lines:,} lines made of samples/logs/access.log; one thread\n\n'
    out += table(('', 'instructions a line', 'a byte'), rows)
    print(out, end='')
    if options.output:
        with open(os.path.join(ROOT, options.output), 'w', encoding='utf-8') as file:
            file.write(out)


if __name__ == '__main__':
    main()
