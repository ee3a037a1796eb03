#!/usr/bin/env bash
# Shows the change card in a real browser, with the program that `cargo test` has built behind it: every state as text
# that is compared, its layout and colours, and what its buttons do. Pictures of each are left below the target folder.
#
#   tests/card/check.sh [--install] [--update] [--pictures] [--only=WORD] [--card=FILE]
#
# `--install` brings Debian's Chromium where it is missing and may be installed. `--update` writes the texts in
# tests/card/states anew, `--pictures` the two pictures of README.md. `--only` takes the states and actions whose
# names hold the word. `--card` shows the card of a file, so that an edit needs no build.
set -euo pipefail
cd "$(dirname "$0")/../.."
skip() {
    echo "skipped: tests/card/check.sh, because $1"
    exit 0
}
target="$(realpath "${CARGO_TARGET_DIR:-target}")"
if [ ! -x "$target/debug/bitrix24-crm-mcp" ] || [ ! -x "$target/debug/examples/portal" ]; then
    echo "failed: there are no programs in $target/debug; \`cargo test\` makes them" >&2
    exit 1
fi
for tool in node npm; do
    command -v "$tool" > /dev/null || skip "$tool is not installed"
done
node -e 'process.exit(Number.parseInt(process.versions.node, 10) < 20 ? 1 : 0)' || skip "Node is older than 20"
flags=()
for flag in "$@"; do
    if [ "$flag" != --install ]; then
        flags+=("$flag")
    elif ! command -v chromium > /dev/null && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "installing Chromium"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-dejavu-core; } \
            > "$target/chromium.log" 2>&1 || true
    fi
done
chromium="$(command -v chromium || command -v chromium-browser || command -v google-chrome)" \
    || skip "there is no Chromium in the PATH; Debian's package \`chromium\` has it"
# The packages are for these tests alone, so they stay out of the source tree.
work="$target/card"
mkdir -p "$work"
if ! cmp -s tests/card/package-lock.json "$work/installed"; then
    cp tests/card/package.json tests/card/package-lock.json "$work"
    npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --fetch-retries=1 > "$work/npm.log" 2>&1 \
        || skip "the npm packages cannot be had; see $work/npm.log"
    cp tests/card/package-lock.json "$work/installed"
fi
node tests/card/check.mjs "$target/debug" "$work" "$chromium" ${flags[@]+"${flags[@]}"}
