# Sourced by every script here: where this checkout is, and names that no other checkout has.
# shellcheck shell=bash
set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export REPO
export STATE=$REPO/.local
CHECKOUT=bokeh-site-$(printf %s "$REPO" | sha256sum | cut -c1-8)
export CHECKOUT
export ANSIBLE_HOME=$STATE/ansible
export PATH=$REPO/.venv/bin:$PATH

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }
