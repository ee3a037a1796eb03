#!/usr/bin/env bash
# Builds the release program for Linux against glibc 2.17, checks that it needs nothing newer, and prints its
# SHA-256 sum. Needs cargo-zigbuild and zig, for instance from a Python environment in the PATH:
#
#   python3 -m venv v && v/bin/pip install ziglang cargo-zigbuild && PATH="$PWD/v/bin:$PATH" packaging/build-linux.sh
#
# The first argument is the target, by default x86_64-unknown-linux-gnu. Others have not been tried.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${1:-x86_64-unknown-linux-gnu}"
floor=2.17

cargo zigbuild --release --locked --target "$target.$floor"
program="${CARGO_TARGET_DIR:-target}/$target/release/bitrix24-crm-mcp"

# Weak symbols (w) may be missing at run time: they do not count.
newest="$(objdump -T "$program" | grep -v ' w ' | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)"
newest="${newest#GLIBC_}"
if [ -z "$newest" ]; then
    echo "$program names no version of glibc: is it what was to be built?" >&2
    exit 1
fi
if [ "$(printf '%s\n' "$newest" "$floor" | sort -V | tail -1)" != "$floor" ]; then
    echo "$program needs glibc $newest, more than $floor" >&2
    exit 1
fi
echo "$program needs glibc $newest"
sha256sum "$program"
