#!/bin/sh
# Checks this bundle where it lies, with nothing but a shell, sed, grep, find and sha256sum.
# It ends with 0 when every file is as it was handed over and what is sealed is what the manifest says.
set -eu
cd "$(dirname "$0")"

fail() {
    echo "verify.sh: $1" >&2
    exit 1
}

sha256sum --quiet --strict -c SHA256SUMS || fail "a file is not as it was handed over"

listed=$(sed -n '$=' SHA256SUMS)
there=$(find . -type f | sed -n '$=')
[ "$there" -eq $((listed + 1)) ] || fail "there are files that were not handed over"

# Each line of a journal has the hash of the line before it.
chained() {
    before=
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        if [ -n "$before" ]; then
            case "$line" in
            *"\"prev\":\"$before\""*) ;;
            *) fail "$1: line $number does not follow from the line before it" ;;
            esac
        fi
        before=$(printf '%s' "$line" | sha256sum | cut -d ' ' -f 1)
    done <"$1"
}
chained MANIFEST.jsonl
chained AUDIT.jsonl

# What is sealed is what the manifest says.
for file in segments/*/* index/*/*; do
    [ -f "$file" ] || continue
    hash=$(sha256sum "$file" | cut -d ' ' -f 1)
    grep -q "\"$hash\"" MANIFEST.jsonl || fail "$file is not in the manifest"
done
echo "the bundle is as it was handed over"
