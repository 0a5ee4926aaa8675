#!/usr/bin/env python3
"""Compares the speed of tamis on other formats with that on the combined one, byte for byte, and prints a table.

The lines of one combined log are written again as JSON lines, in a format string of nginx, as W3C extended lines
and so on; tamis reads all of them in turns on one core. What counts is the median, over the turns, of the bytes a
second of CPU time against those of the combined log. Lines that are not of the combined format are left out.
"""

import argparse
import datetime
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile

from compare import ROOT, SAMPLE, TAMIS, run

LINE = re.compile(
    r'^(\S+) \S+ (\S+) \[([^]]{26})\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$'
)
ESCAPE = re.compile(r'\\x([0-9A-Fa-f]{2})|\\(.)')
MAKE_BYTES = 100_000_000

NGINX_OWN = ('$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
             '"$http_user_agent" rt=$request_time uct="$upstream_connect_time" id=$request_id')
APACHE_OWN = '%{%Y-%m-%dT%H:%M:%S}t%{%z}t %a %>s %B %D "%r" "%{Referer}i" "%{User-Agent}i"'
NGINX_JSON = ('escape=json {"t":"$time_iso8601","ip":"$remote_addr","req":"$request","st":$status,'
              '"len":$body_bytes_sent,"ref":"$http_referer","ua":"$http_user_agent"}')


def unescaped(text):
    """The text without the escapes of nginx and Apache."""
    def one(found):
        return chr(int(found[1], 16)) if found[1] else found[2]
    return ESCAPE.sub(one, text) if '\\' in text else text


class Line:
    """A line of the combined format, taken apart."""

    def __init__(self, found, number):
        self.text = found[0]
        self.client, self.user, self.clf, self.request, self.status, self.bytes, self.referrer, self.agent = (
            found.groups())
        moment = datetime.datetime.strptime(self.clf, '%d/%b/%Y:%H:%M:%S %z').astimezone(datetime.timezone.utc)
        self.moment = moment
        self.size = self.bytes if self.bytes != '-' else '0'
        self.id = f'{number * 2654435761 % (1 << 64):032x}'
        words = self.request.split(' ')
        if len(words) == 3 and words[1].startswith('/') and '\\' not in self.request:
            self.method, self.target, self.protocol = words
        else:
            self.method, self.target, self.protocol = 'GET', '/', 'HTTP/1.1'

    def own(self):
        """In a format string of nginx."""
        return f'{self.text} rt=0.012 uct="0.001" id={self.id}'

    def apache(self):
        """In a format string of Apache."""
        return (f'{self.moment:%Y-%m-%dT%H:%M:%S}+0000 {self.client} {self.status} {self.size} 12345 '
                f'"{self.request}" "{self.referrer}" "{self.agent}"')

    def json_own(self):
        """In a format string of nginx that writes JSON."""
        quoted = [json.dumps(unescaped(text)) for text in (self.request, self.referrer, self.agent)]
        return (f'{{"t":"{self.moment:%Y-%m-%dT%H:%M:%S}+00:00","ip":"{self.client}","req":{quoted[0]},'
                f'"st":{self.status},"len":{self.size},"ref":{quoted[1]},"ua":{quoted[2]}}}')

    def nginx_json(self):
        """As JSON with the names of nginx's variables."""
        return json.dumps({
            'time_iso8601': f'{self.moment:%Y-%m-%dT%H:%M:%S}+00:00', 'remote_addr': self.client,
            'remote_user': self.user, 'request_method': self.method, 'request_uri': self.target,
            'server_protocol': self.protocol, 'status': int(self.status), 'body_bytes_sent': int(self.size),
            'request_time': 0.012, 'http_referer': unescaped(self.referrer),
            'http_user_agent': unescaped(self.agent), 'request_id': self.id,
        }, separators=(',', ':'))

    def caddy(self):
        """As Caddy writes it."""
        headers = {'User-Agent': [unescaped(self.agent)], 'Accept-Encoding': ['gzip']}
        if self.referrer != '-':
            headers['Referer'] = [unescaped(self.referrer)]
        return json.dumps({
            'level': 'info', 'ts': self.moment.timestamp() + 0.125, 'logger': 'http.log.access',
            'msg': 'handled request', 'request': {
                'remote_ip': self.client, 'remote_port': '50000', 'client_ip': self.client,
                'proto': self.protocol, 'method': self.method, 'host': 'www.example.com', 'uri': self.target,
                'headers': headers},
            'bytes_read': 0, 'user_id': '', 'duration': 0.00123, 'size': int(self.size),
            'status': int(self.status), 'resp_headers': {'Server': ['Caddy'], 'Content-Type': ['text/html']},
        }, separators=(',', ':'))

    def w3c(self):
        """As IIS writes it."""
        stem, _, query = self.target.partition('?')
        agent = unescaped(self.agent).replace(' ', '+').replace('\t', '+') or '-'
        referrer = unescaped(self.referrer).replace(' ', '+') or '-'
        return (f'{self.moment:%Y-%m-%d %H:%M:%S} 198.51.100.9 {self.method} {stem} {query or "-"} 443 - '
                f'{self.client} {agent} {referrer} {self.status} 0 0 {self.size} 12')

    def ltsv(self):
        """As labelled values."""
        return (f'time:[{self.clf}]\thost:{self.client}\treq:{self.request}\tstatus:{self.status}\t'
                f'size:{self.size}\treferer:{self.referrer}\tua:{self.agent}\treqtime:0.012')


W3C_HEADER = ('#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n'
              '#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) '
              'cs(Referer) sc-status sc-substatus sc-win32-status sc-bytes time-taken\n')

# What is measured: its name, the options, what writes a line, and what stands before the first one.
FORMATS = [
    ('combined', ['--format', 'combined'], lambda line: line.text, ''),
    ('a string of nginx', ['--nginx-format', NGINX_OWN], Line.own, ''),
    ('a string of Apache', ['--apache-format', APACHE_OWN], Line.apache, ''),
    ('a string of nginx, JSON', ['--nginx-format', NGINX_JSON], Line.json_own, ''),
    ('nginx-json', ['--format', 'nginx-json'], Line.nginx_json, ''),
    ('caddy', ['--format', 'caddy'], Line.caddy, ''),
    ('w3c', ['--format', 'w3c'], Line.w3c, W3C_HEADER),
    ('ltsv', ['--format', 'ltsv'], Line.ltsv, ''),
]


def write_logs(log, size, folder):
    """Writes the log in every format; of the sample, over and over with other clients."""
    outs = [open(os.path.join(folder, str(number)), 'w', encoding='utf-8') for number in range(len(FORMATS))]
    for out, (_, _, _, header) in zip(outs, FORMATS):
        out.write(header)
    written, number, dice = 0, 0, random.Random(1)
    while written < size:
        before = written
        with open(log, encoding='latin-1') as lines:
            for text in lines:
                found = LINE.match(text.rstrip('\n'))
                if not found or not found[0].isascii():
                    continue
                line, number = Line(found, number), number + 1
                if log == SAMPLE:
                    client = f'198.{18 + dice.randrange(2)}.{dice.randrange(256)}.{dice.randrange(256)}'
                    line.text = client + line.text[len(line.client):]
                    line.client = client
                for out, (_, _, write, _) in zip(outs, FORMATS):
                    out.write(write(line) + '\n')
                written += len(line.text) + 1
                if written >= size:
                    break
        if written == before:
            sys.exit(f'{log} has no line of the combined format')
    for out in outs:
        out.close()
    return [out.name for out in outs]


def check(options, log):
    """All but a few lines must be clean, or the speed says nothing."""
    arguments = [TAMIS, *options, '--summary', 'json', log]
    done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    summary = json.loads(done.stderr.splitlines()[-1])
    if summary['clean'] < summary['read'] * 0.99:
        sys.exit(f'{options} refuses too much: {summary["refused"]}')


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--log', default=SAMPLE, help='a log in the combined format')
    parser.add_argument('--bytes', type=int, default=MAKE_BYTES, help='how much of it, or how much to make')
    parser.add_argument('--turns', type=int, default=7)
    parser.add_argument('-o', '--output', help='also append the table to this file')
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs = write_logs(given.log, given.bytes, folder)
        sizes = [os.path.getsize(log) for log in logs]
        for (_, options, _, _), log in zip(FORMATS, logs):
            check(options, log)
        speeds = [[] for _ in FORMATS]
        for _ in range(given.turns):
            for at, ((_, options, _, _), log) in enumerate(zip(FORMATS, logs)):
                spent = run(TAMIS, *options, '--threads', '1', '-o', '/dev/null', log)
                speeds[at].append(sizes[at] / spent.cpu / 1e6)
    rows = ['One core: bytes a second of CPU time on the same requests in other formats, against the combined one.',
            '', '|  | MB/s | of combined | bar | reached |', '| --- | --- | --- | --- | --- |']
    for (name, _, _, _), own in zip(FORMATS, speeds):
        ratio = statistics.median(one / usual for one, usual in zip(own, speeds[0]))
        rest = '|  |  |' if name == 'combined' else f'| at least 0.5 | {"yes" if ratio >= 0.5 else "no"} |'
        rows.append(f'| {name} | {statistics.median(own):.0f} ({max(own):.0f}) | {ratio:.2f} {rest}')
    table = '\n'.join(rows) + '\n'
    print(table)
    if given.output:
        with open(os.path.join(ROOT, given.output), 'a', encoding='utf-8') as out:
            out.write('\n' + table)


if __name__ == '__main__':
    main()
