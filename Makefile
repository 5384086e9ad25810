# What a developer asks for; how it is done is in tools/.
.DEFAULT_GOAL := help
.PHONY: help lock

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' Makefile | expand -t 10

lock: ## resolve pyproject.toml into the two locks (ARGS=--upgrade for newer versions)
	@tools/lock $(ARGS)
