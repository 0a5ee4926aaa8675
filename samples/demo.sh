#!/bin/sh
# What `make demo` shows: the main job, done on the sample logs with the program that is named.
set -eu

tamis=$1
cd "$(dirname "$0")/logs"
if [ -t 1 ]; then bold=$(printf '\033[1m') off=$(printf '\033[0m'); else bold='' off=''; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Three lines that show most of what happens.
three() { for what in orders/49170 2001:db8:1:2::9 /account/reset/; do grep -F -m 1 -e "$what" access.log; done; }
say() { printf '\n%s%s%s\n\n' "$bold" "$*" "$off"; }

say '1. What a web server writes down (samples/logs/access.log):'
three

say '2. What comes out of it: tamis access.log'
"$tamis" access.log >"$work/clean.jsonl"
three | "$tamis"

say '3. The same for log analysers: tamis --emit combined access.log'
three | "$tamis" --emit combined

say '4. The most asked-for paths in the clean records:'
sed 's/.*"path":"\([^"]*\)".*/\1/' "$work/clean.jsonl" | sort | uniq -c | sort -rn | head -n 8

say '5. Where every line went, with the reason for each refusal (tamis --summary text *.log):'
"$tamis" --summary text access.log common.log vhost.log 2>&1 >/dev/null

say '6. Usage counts, for internal use (tamis --counts - vhost.log):'
"$tamis" --counts - vhost.log 2>&1 >/dev/null |
    awk 'BEGIN { RS = ""; ORS = "\n\n" } NR == 1 || /^(path|status|browser|bot) /'

say '7. Which lines hold a name, an e-mail address, a token or a whole IP address:'
identifying='alice|bob|@|token=|(192\.0\.2|198\.51\.100|203\.0\.113)\.[0-9]|2001:db8:[0-9a-f]'
printf 'before: %4s of %s\n' "$(grep -c -E "$identifying" access.log)" "$(wc -l <access.log)"
left=$(grep -c -E "$identifying" "$work/clean.jsonl" || true)
printf 'after:  %4s of %s\n' "$left" "$(wc -l <"$work/clean.jsonl")"
[ "$left" = 0 ]
