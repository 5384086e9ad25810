# What a developer asks for; how it is done is in tools/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up down login shell dev check test e2e bench lock venv

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' Makefile | expand -t 8

up: venv ## the whole site on a throw-away host (PORT=9443, ARGS="--tags nginx --check --diff")
	@tools/prerequisites containers
	@tools/up $(ARGS)

down: ## remove the hosts of this checkout, their images and secrets
	@tools/down

login: venv ## url, user and password of the site that is up
	@tools/login

shell: ## a root shell on its host
	@tools/podman exec --interactive --tty $$(. tools/environment.sh && echo $$CHECKOUT)-local bash --login

dev: venv ## site and plots on localhost, reloaded on edit
	@.venv/bin/python -m tornado.autoreload --until-success -m app.dev

check: venv ## linters and the tests that need no host
	@tools/check

test: venv ## everything: check, and every scenario on hosts of its own
	@tools/prerequisites containers browser
	@tools/test

e2e: venv ## the browser tests, against the site that is up
	@tools/prerequisites browser
	@.venv/bin/pytest e2e --ansible-inventory inventory/local

bench: venv ## how fast the site that is up is, beside what it could be at best (ARGS="roundtrip pages")
	@.venv/bin/python -m bench $(ARGS)

lock: ## resolve pyproject.toml into the locks (ARGS=--upgrade for newer versions)
	@tools/lock $(ARGS)

venv:
	@tools/prerequisites python
	@tools/venv
