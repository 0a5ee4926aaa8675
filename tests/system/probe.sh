#!/bin/bash
# Runs inside of the booted system: one line a check, `ok` or `FAILED`, and the story in standard error.
set -u
exec </dev/null
clean=/var/lib/tamis/clean
config=/etc/tamis/tamis.toml

check() { # WHAT COMMAND...
    local what=$1
    shift
    echo "== $what" >&2
    if "$@" >&2; then echo "ok $what"; else echo "FAILED $what"; fi
}
is() { [[ $1 == "$2" ]] || { echo "is $1, expected $2"; return 1; }; }
# Waits for something to become true, for up to 20 seconds.
soon() {
    for _ in $(seq 200); do
        "$@" && return 0
        sleep 0.1
    done
    echo "never: $*"
    return 1
}
show() { systemctl show --value -p "$1" "${2:-tamis.service}"; }
records() { cat "$clean"/* 2>/dev/null | grep -c -- "$1"; }
# As many as were sent, and after a while not one more.
exactly() { # PATTERN COUNT
    soon has "$1" "$2" || { records "$1"; return 1; }
    sleep 1.5
    is "$(records "$1")" "$2"
}
has() { [[ $(records "$1") -ge $2 ]]; }
request() { # PORT PATH COUNT
    local list=()
    for _ in $(seq "$3"); do list+=("http://127.0.0.1:$1/$2"); done
    curl -s -o /dev/null "${list[@]}"
}
line() { # PATH
    echo "192.0.2.77 - - [$(date +%d/%b/%Y:%H:%M:%S) +0000] \"GET /$1 HTTP/1.1\" 200 5 \"-\" \"curl/8.5.0\""
}
active() { is "$(systemctl is-active tamis.service)" active; }
another_process() { local now; now=$(show MainPID); [[ $now != 0 && $now != "$1" ]] && active; }

# As the package left it.
check 'nothing is enabled by the installation' is "$(systemctl is-enabled tamis.service tamis-nginx.socket \
    tamis-syslog.socket | sort -u)" disabled
check 'nothing is started by the installation' is "$(systemctl is-active tamis.service)" inactive
check 'the user is there and cannot log in' grep -q '^tamis:.*:/usr/sbin/nologin$' /etc/passwd
check 'the units are right' systemd-analyze verify --man=no tamis.service tamis-nginx.socket tamis-syslog.socket
check 'the exposure is at most 1.0' systemd-analyze security --offline=true --threshold=10 \
    /usr/lib/systemd/system/tamis.service
check 'there are manual pages' test -s /usr/share/man/man1/tamis-batch.1.gz
check 'the configuration as shipped is right' tamis serve --config "$config" --check

# The sources: a followed file, nginx's own socket, syslog over UDP and TCP.
cat >"$config" <<'TOML'
policy = "/etc/tamis/policy.toml"
state_dir = "/var/lib/tamis"
commit = "100ms"

[[source]]
kind = "file"
path = "/var/log/nginx/access.log*"
format = "combined"

[sink]
kind = "file"
path = "/var/lib/tamis/clean/access.jsonl"

[counts]
store = "/var/lib/tamis/counts.sqlite"

[metrics]
listen = "/run/tamis/metrics.sock"
TOML
cat >>"$config" <<'TOML'
[[source]]
kind = "journald"
identifier = "probe-web"
format = "combined"
TOML
recipes=/usr/share/doc/tamis/examples/recipes
cat "$recipes/nginx-syslog.toml" "$recipes/rsyslog-omfwd.toml" >>"$config"
printf '[[source]]\nkind = "udp"\nlisten = "systemd:syslog"\nformat = "combined"\n' >>"$config"
tamis policy show baseline >/etc/tamis/policy.toml
cat >/etc/nginx/conf.d/probe.conf <<'NGINX'
server { listen 127.0.0.1:8081; location / { return 200; } access_log /var/log/nginx/access.log combined; }
NGINX
{ echo 'server { listen 127.0.0.1:8082; location / { return 200; }' && cat "$recipes/nginx-syslog.conf" &&
    echo '}'; } >>/etc/nginx/conf.d/probe.conf
mkdir -p /etc/systemd/system/tamis.service.d
printf '[Service]\nWatchdogSec=3s\n' >/etc/systemd/system/tamis.service.d/probe.conf
systemctl daemon-reload
check 'a configuration with all kinds of sources is right' tamis serve --config "$config" --check
check 'the sockets open' systemctl start tamis-nginx.socket tamis-syslog.socket
check 'the service says that it is ready' timeout 30 systemctl start tamis.service
check 'nginx takes the recipe' systemctl restart nginx.service
check 'the service is active' active
active >&2 || {
    journalctl --no-pager -u tamis.service >&2
    echo 'gave up'
    exit
}
check 'it says how it is' test -n "$(show StatusText)"
process=/proc/$(show MainPID)
check 'it may gain nothing' grep -q '^NoNewPrivs:.1$' "$process/status"
check 'system calls are filtered' grep -q '^Seccomp:.2$' "$process/status"
check 'it has no capability' grep -q '^CapEff:.0000000000000000$' "$process/status"
check 'it knows this run of the machine from others' soon grep -q '"session":[1-9]' /var/lib/tamis/state.json
check 'it leaves no core' grep -q '^Max core file size  *0  *0 ' "$process/limits"

request 8081 file 50
check 'a file of nginx is followed' exactly '"path":"/file"' 50
request 8082 socket 50
check 'nginx hands lines over by its socket' exactly '"path":"/socket"' 50
logger --socket /run/tamis-nginx.sock --tag nginx -p local7.info "$(line datagram)"
check 'a datagram arrives' exactly '"path":"/datagram"' 1
logger --udp --server 127.0.0.1 --port 5514 --tag nginx -p local7.info --rfc5424 "$(line udp)"
check 'UDP arrives through the socket unit' exactly '"path":"/udp"' 1
logger --tcp --octet-count --server 127.0.0.1 --port 5514 --tag nginx -p local7.info --rfc5424 "$(line tcp)"
check 'TCP arrives through the socket unit' exactly '"path":"/tcp"' 1
line journal | systemd-cat --identifier=probe-web
check 'an entry of the journal arrives' exactly '"path":"/journal"' 1
check 'the output is for the group' is "$(stat -c '%U:%G %a' $clean/access.jsonl)" 'tamis:tamis 640'
check 'it tells how it is' curl -sf --unix-socket /run/tamis/metrics.sock http://tamis/metrics
check 'it tells that it is well' curl -sf --unix-socket /run/tamis/metrics.sock http://tamis/health

# Logs rotate.
# Each with lines of its own: files that begin with the same lines are copies of one.
for turn in red green blue; do
    request 8081 "turn/$turn" 40
    mv /var/log/nginx/access.log "/var/log/nginx/access.log.$turn"
    systemctl kill --kill-whom=main --signal=USR1 nginx.service
    soon test -e /var/log/nginx/access.log >&2
    request 8081 "turn/$turn" 40
done
check 'nothing is lost while logs rotate' exactly '"path":"/turn/' 240

# Another policy.
before=$(show MainPID)
sed -i 's/grain = "minute"/grain = "hour"/' /etc/tamis/policy.toml
check 'a policy is taken up' systemctl reload tamis.service
sleep 1
request 8081 hour 10
check 'the new policy is in use' exactly ':00:00Z".*"path":"/hour"' 10
echo 'this is no policy' >/etc/tamis/policy.toml
systemctl reload tamis.service
sleep 1
check 'a bad policy stops nothing' active
request 8081 still 10
check 'its counts have a store of their own' test -e /var/lib/tamis/counts-*.sqlite
check 'the policy before goes on' exactly ':00:00Z".*"path":"/still"' 10
check 'all that in one process' is "$(show MainPID)" "$before"
tamis policy show baseline | sed 's/grain = "minute"/grain = "hour"/' >/etc/tamis/policy.toml

# It hangs, and it is killed.
kill -STOP "$before"
systemctl show -p WatchdogUSec -p TimeoutAbortUSec -p SubState tamis.service >&2
check 'the watchdog starts what hangs anew' soon another_process "$before"
request 8081 awake 10
check 'lines go on after that' exactly '"path":"/awake"' 10
for _ in 1 2 3; do
    before=$(show MainPID)
    request 8081 killed 40
    line said | systemd-cat --identifier=probe-web
    kill -KILL "$before"
    request 8081 killed 40
    line said | systemd-cat --identifier=probe-web
    soon another_process "$before" >&2
done
check 'a killed service loses and doubles nothing' exactly '"path":"/killed"' 240
check 'nor of what the journal has' exactly '"path":"/said"' 6
before=$(show MainPID)
systemctl stop tamis.service
check 'it stops' is "$(systemctl is-active tamis.service) $(show Result)" 'inactive success'
request 8081 away 20
systemctl start tamis.service
check 'what came while it was away is read' exactly '"path":"/away"' 20

# An upgrade, a removal, a purge.
systemctl enable tamis.service
before=$(show MainPID)
dpkg --install /tamis.deb >&2
check 'an upgrade starts it anew' soon another_process "$before"
check 'an upgrade keeps the configuration' grep -q '^commit = "100ms"' "$config"
check 'an upgrade keeps it enabled' is "$(systemctl is-enabled tamis.service)" enabled
request 8081 upgraded 20
check 'lines go on after an upgrade' exactly '"path":"/upgraded"' 20
journalctl --no-pager -u tamis.service >&2
check 'the journal names nobody' is "$(journalctl --no-pager -u tamis.service | grep -cF -e 192.0.2.77 -e '/turn')" 0
dpkg --remove tamis >&2
check 'a removal stops it' is "$(systemctl is-active tamis.service tamis-nginx.socket tamis-syslog.socket |
    sort -u)" inactive
check 'a removal keeps data and configuration' test -s "$clean/access.jsonl" -a -s "$config"
dpkg --install /tamis.deb >&2
check 'it comes back as it was' is "$(systemctl is-enabled tamis.service)" enabled
rm -r /etc/systemd/system/tamis.service.d
rm /etc/tamis/policy.toml
dpkg --purge tamis >&2
check 'a purge leaves no data' test ! -e /var/lib/tamis
check 'a purge leaves no configuration' test ! -e /etc/tamis
check 'a purge leaves no links' is "$(find /etc/systemd /var/lib/systemd/deb-systemd-helper* -name '*tamis*')" ''
journalctl --no-pager -u tamis.service >&2
echo end
