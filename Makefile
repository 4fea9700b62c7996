# Everything a person needs, one line each; `make help` lists it.
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS ?= never
# python3, if it is new enough: .python-version names the oldest, which need not be there.
ifndef UV_PYTHON
export UV_PYTHON := $(shell python3 -c 'import sys; print("python3" if sys.version_info >= (3, 12) else "3.12")' 2>/dev/null)
endif

# A uv that works: the one on the PATH if it runs here, else one of our own in .tools/.
UV = $(shell if uv --version >/dev/null 2>&1; then echo uv; else echo .tools/bin/uv; fi)
BIN = .venv/bin
# The files that say what is to be installed; a change is noticed by their modification time.
NEEDS = $(wildcard uv.lock pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml deploy/*/pyproject.toml examples/*/pyproject.toml)

.PHONY: help setup up down status logs stop start restart env operator resend decide suspense unmatched register retention step-over rewind redrive demo bench crash-matrix chaos restore-drill upgrade-drill runbooks test rules check conformance chart docs lock release new-provider pictures FORCE

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{gsub(/[$$][$$]/, "$$"); printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 12) and "Malipo needs Python 3.12 or newer; python3 is " + sys.version.split()[0])'
	@echo "Installing uv into .tools/ (once; downloads 18 MB) ..." >&2
	@python3 -m venv .tools && .tools/bin/pip install --quiet uv

setup: .venv/installed ## install what the project needs into .venv

.venv/installed: $(NEEDS) $(if $(wildcard $(BIN)/python),,FORCE) | $(if $(shell uv --version 2>/dev/null),,.tools/bin/uv)
	@$(if $(wildcard $(BIN)/python),echo "Bringing .venv/ up to date ..." >&2,echo "Installing what Malipo needs into .venv/ (once; downloads 210 MB, PostgreSQL, Redis and Java among them, and compiles them for half a minute or so without a word) ..." >&2)
	@$(UV) sync --locked --compile-bytecode $(if $(wildcard $(BIN)/python),--quiet)
	@$(BIN)/python -m compileall -q libs services deploy examples tests  # each process starts in half the time
	@touch $@

up: setup ## start the whole system in the background
	@$(BIN)/python -m malipo_local up $(ARGS)

down: setup ## stop it (ARGS=--purge forgets its data; packages and downloads stay)
	@$(BIN)/python -m malipo_local down $(ARGS)

status: setup ## show what runs, whether it is ready, where, and how much memory it takes
	@$(BIN)/python -m malipo_local status $(ARGS)

logs: setup ## show the last lines of each log (ARGS="gateway --lines 500 --follow")
	@$(BIN)/python -m malipo_local logs $(ARGS)

stop: setup ## stop one service (ARGS=provider-stripe)
	@$(BIN)/python -m malipo_local stop $(ARGS)

start: setup ## start it, and wait until it is ready
	@$(BIN)/python -m malipo_local start $(ARGS)

restart: setup ## stop and start it
	@$(BIN)/python -m malipo_local restart $(ARGS)

env: setup ## print the system's addresses, for `eval "$$(make -s env)"` (ARGS=--operator: also what docs/operations needs)
	@$(BIN)/python -m malipo_local env $(ARGS)

operator: setup ## manage merchants and keys (ARGS="merchant create corner-shop")
	@$(BIN)/python -m malipo_local operator $(ARGS)

resend: setup ## resend to a service what it lost (ARGS="payment pay_..." or ARGS="since 2026-11-21T09:30:00")
	@$(BIN)/python -m malipo_local resend $(ARGS)

decide: setup ## decide how something ended that no report ends (ARGS='pay_... --as failed --because "..." --by NAME')
	@$(BIN)/python -m malipo_local decide $(ARGS)

suspense: setup ## list money that no payment explains (ARGS=list), assign it (ARGS="assign sus_... --to pay_... ..."), or settle it without one (ARGS="settle sus_... ...")
	@$(BIN)/python -m malipo_local suspense $(ARGS)

unmatched: setup ## list what providers reported that matches no operation of ours (ARGS="--provider stripe"; ARGS=--all: also what others caused)
	@$(BIN)/python -m malipo_local unmatched $(ARGS)

register: setup ## register an account at its provider, as M-Pesa wants (ARGS="--provider mpesa --credential cred_...")
	@$(BIN)/python -m malipo_local register $(ARGS)

retention: setup ## make months of tables ahead, and end those that are kept long enough (ARGS=--sizes lists them; ARGS="--service gateway --archive DIR")
	@$(BIN)/python -m malipo_local retention $(ARGS)

step-over: setup ## have a consumer skip a record that it cannot read (ARGS="orchestrator.payments payments.commands.v1 3 1042")
	@$(BIN)/python -m malipo_local step-over $(ARGS)

rewind: setup ## have a stopped service read a topic again from a moment on (ARGS="orchestrator.payments payments.commands.v1 --to 2026-11-29T09:50:00Z")
	@$(BIN)/python -m malipo_local rewind $(ARGS)

redrive: setup ## send a topic's dead letters again, once their cause is mended (ARGS=payments.commands.v1)
	@$(BIN)/python -m malipo_local redrive $(ARGS)

demo: setup ## tour of payments on the real system (ARGS=--once ends after it)
	@$(BIN)/python -m malipo_local demo $(ARGS)

bench: setup ## measure rate, latency, CPU and growth: an hour and a half, 70 GB of disk (ARGS=--quick: four minutes; ARGS=--help: its parts)
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

crash-matrix: setup ## kill every service at each crossing of each operation: most of an hour; writes docs/crash-matrix.md
	@PYTHONPATH=tests $(BIN)/python -m chaos crash-matrix $(ARGS)

chaos: setup ## kill and freeze anything at random under load (MINUTES=5 SEED=1)
	@PYTHONPATH=tests $(BIN)/python -m chaos chaos --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED)) $(ARGS)

restore-drill: setup ## lose the databases, restore them to the last commit and to an earlier moment, and compare the books: some minutes
	@$(BIN)/pytest --whole -s -q tests/operations/test_restore.py $(ARGS)

upgrade-drill: setup ## roll a release out and back beside the former one, under 20 payments a second: some minutes
	@$(BIN)/pytest --whole -s -q tests/operations/test_upgrade.py $(ARGS)

runbooks: setup ## follow all pages of docs/operations, and cause each alert first: more than a quarter of an hour
	@$(BIN)/pytest --whole -q tests/operations/test_pages.py tests/operations/test_runbooks.py tests/operations/test_provider_runbooks.py $(ARGS)

test: setup ## run all tests against real PostgreSQL, Redis and Kafka
	@$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

rules: setup ## try every alert by promtool, which is built from its Go module once: some minutes
	@PYTHONPATH=tests $(BIN)/python -m observability.promtool

conformance: setup ## hold every provider to the same laws
	@$(BIN)/pytest services -k Conformance $(ARGS)

check: setup ## formatting, lint, types, architecture, generated docs, tables and migrations, spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/python -m malipo_local.schema_check
	@$(BIN)/typos

chart: setup ## judge the Helm chart by all validators: the first time minutes, to build them (ARGS="-k conftest")
	@$(BIN)/pytest --whole tests/helm $(ARGS)

docs: setup ## write the generated pages of docs/ anew
	@$(BIN)/python docs/generate.py

pictures: setup ## draw docs/operations/pictures from a stack under load: six minutes; needs Chromium
	@$(BIN)/python docs/pictures.py $(ARGS)

lock: ## write uv.lock anew: which packages are to be installed, after a change of a pyproject.toml or of the providers
	@$(BIN)/python docs/generate.py --blocks
	@$(UV) lock --quiet --offline 2>/dev/null || $(UV) lock --quiet  # from the cache, which costs no second, else the registry
	@sed -i -E 's/, size = [0-9]+//' uv.lock  # not every registry knows sizes: whoever locks, the file is the same

release: setup ## make a release of what is checked out: look, SBOMs, images (ARGS=--check: only look)
	@$(BIN)/python deploy/release/release.py $(ARGS)

new-provider: setup ## begin a provider (NAME=acme TITLE="Acme Pay"): descriptor, service, simulator, red conformance suite
	@$(BIN)/python scaffold/new_provider.py "$(NAME)" $(if $(TITLE),--title "$(TITLE)")
