#!/usr/bin/env bash
# Boots a real systemd with the package installed, lets probe.sh look at it from inside, and compares what it found
# with expected.txt, line by line. As root, without a virtual machine and without a network; half a minute after the
# tree is there, which takes a minute or two once.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() {
    echo "*** the boot of a real systemd is skipped: $1 ***" >&2
    exit 0
}
[[ $(id -u) -eq 0 ]] || skip 'it needs root'
for program in systemd-nspawn mmdebstrap cargo-deb; do
    command -v "$program" >/dev/null || skip "$program is not there (systemd-container, mmdebstrap, cargo-deb)"
done

tree=.cache/debian.tar
if [[ ! -f $tree ]]; then
    mkdir -p .cache
    echo "making $tree"
    mmdebstrap --quiet --variant=minbase \
        --include=systemd,systemd-sysv,dbus,procps,iproute2,nginx-light,curl,logrotate \
        --format=tar bookworm "$tree.part" - <<<'deb http://deb.debian.org/debian bookworm main' ||
        skip 'no tree of Debian could be made'
    mv "$tree.part" "$tree"
fi

# Another package may be named.
package=${1:-}
if [[ -z $package ]]; then
    make --no-print-directory deb
    package=$(ls -t target/debian/tamis_*.deb | head -n 1)
fi

mkdir -p target/system
root=$(mktemp -d "$PWD/target/system/root.XXXXXX")
trap 'rm -rf "$root"' EXIT
tar -xf "$tree" -C "$root"
cp "$package" "$root/tamis.deb"
# Installed as an image is made: nothing runs there, so that nothing may need to.
chroot "$root" dpkg --install /tamis.deb >target/system/install.log 2>&1 || {
    cat target/system/install.log >&2
    exit 1
}
# A sandbox may forbid what a container needs. That is told apart from a system that does not boot.
container=(systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --console=pipe)
"${container[@]}" /bin/true </dev/null >target/system/container.log 2>&1 || {
    cat target/system/container.log >&2
    skip 'no container can be run here'
}
install -m 755 tests/system/probe.sh "$root/probe.sh"
install -m 644 tests/system/probe.service "$root/etc/systemd/system/probe.service"
ln -s /etc/systemd/system/probe.service "$root/etc/systemd/system/multi-user.target.wants/probe.service"

# Its status says nothing of the probe.
timeout 240 "${container[@]}" --boot </dev/null >target/system/console.log 2>&1 || true
cp "$root/result.txt" "$root/detail.txt" target/system/ 2>/dev/null || true
rmdir /sys/fs/cgroup/payload /sys/fs/cgroup/supervisor 2>/dev/null || true

if ! diff -u tests/system/expected.txt target/system/result.txt; then
    echo 'the probe found something else than expected; target/system has what it saw' >&2
    exit 1
fi
echo "$(grep -c '^ok ' target/system/result.txt) checks in a booted system passed"
