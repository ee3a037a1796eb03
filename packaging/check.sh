#!/usr/bin/env bash
# Packs the program that `cargo test` has built and tries the packages as a person would get them: installed by npm
# into an empty folder, started through the launcher, and unpacked from the bundle. Needs no network.
#
#   packaging/check.sh [--install]
#
# `--install` brings the manifests' validators that are not in the PATH from npm, in the versions that check.mjs
# names. Without it, or without a network, each missing one is said in a line.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in node npm npx; do
    if ! command -v "$tool" > /dev/null; then
        echo "skipped: packaging/check.sh, because $tool is not installed"
        exit 0
    fi
done
program="${CARGO_TARGET_DIR:-target}/debug/bitrix24-crm-mcp"
if [ ! -x "$program" ]; then
    echo "failed: there is no program at $program; \`cargo test\` or \`cargo build\` makes it" >&2
    exit 1
fi
extras="${CARGO_TARGET_DIR:-target}/debug/examples/extras"
if [ ! -x "$extras" ]; then
    echo "failed: there is no program at $extras; \`cargo test\` or \`cargo build --example extras\` makes it" >&2
    exit 1
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# Without its symbols, which are most of a debug program, it is packed within seconds.
if ! strip -o "$folder/program" "$program" 2> /dev/null; then
    cp "$program" "$folder/program"
fi
"$extras" "$folder/extras"
node packaging/check.mjs "$folder" "$@"
