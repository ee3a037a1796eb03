#!/usr/bin/env bash
# Makes demo-light.svg and demo-dark.svg from what `bitrix24-crm-mcp demo` prints at a terminal today.
# It needs Rust and a Unix, and no other tool: a test, tests/it/pictures.rs, runs the program at a
# terminal of its own and draws the lines.
set -euo pipefail
cd "$(dirname "$0")/../.."
UPDATE_PICTURES=1 cargo test --test it the_pictures_are_drawn
