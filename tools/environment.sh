# Sourced by every script here: where this checkout is, and names that no other checkout has.
# shellcheck shell=bash

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# What a container, image or socket of this checkout is called.
CHECKOUT=bokeh-site-$(printf %s "$REPO" | sha256sum | cut -c1-8)
STATE=$REPO/.local
export REPO CHECKOUT STATE
export PATH=$REPO/.venv/bin:$PATH
# Every task and every test starts a Python: what each imports is compiled once.
unset PYTHONDONTWRITEBYTECODE
export ANSIBLE_HOME=$STATE/ansible
# Only throw-away hosts are reached from here.
export ANSIBLE_SSH_ARGS="-F $STATE/ssh/config"
# Where Ansible finds Mitogen's strategies, which take no "accept-new" from the settings of ssh.
ANSIBLE_STRATEGY_PLUGINS=$(echo "$REPO"/.venv/lib/python3*/site-packages/ansible_mitogen/plugins/strategy)
export ANSIBLE_STRATEGY_PLUGINS ANSIBLE_HOST_KEY_CHECKING=false
export ANSIBLE_VAULT_PASSWORD_FILE=$REPO/tools/vault-password
mkdir -p "$STATE"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id --user)" = 0 ]; then "$@"; else sudo --non-interactive "$@"; fi; }
