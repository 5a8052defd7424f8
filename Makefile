# Everything a newcomer types. Needs make and a Python ≥ 3.11 with venv; the rest is set up on the first call.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PY := .venv/bin/python
RUN := PYTHONPATH=. $(PY)
# Two test workers: one per core of the smallest machine we build for.
WORKERS ?= 2
PYTEST := $(RUN) -m pytest -q -n $(WORKERS) --dist loadgroup --max-worker-restart=0 --durations=15
# COVERAGE=1 measures while testing, as `make check` does.
MEASURED := $(if $(COVERAGE),--cov --cov-report=term-missing:skip-covered,)
COMPILE := UV_PYTHON_DOWNLOADS=never $(PY) -m uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: setup demo test check check-static bench docs lock clean help

help: ## say what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1|/' | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

setup: .venv/ready .venv-v10/ready ## set up everything (each other command does what it needs by itself)

demo: .venv/ready ## a whole subnet on a local chain: wallets, miners, validators, weights, emission
	@$(RUN) -m taostack demo $(ARGS)

test: .venv/ready .venv-v10/ready ## the tests (ARGS="tests/unit -k name" for some of them)
	$(PYTEST) $(MEASURED) $(ARGS)

check: ## all that CI runs: style, types, floors, dependencies, documentation, tests with coverage
	@$(MAKE) --no-print-directory check-static
	@$(MAKE) --no-print-directory test COVERAGE=1

check-static: .venv/ready ## the part of check that runs no tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(RUN) .venv/bin/lint-imports
	$(PY) -m deptry src
	NO_MKDOCS_2_WARNING=true $(PY) -m mkdocs build --strict

bench: .venv/ready .venv-v10/ready ## measure, compare with the targets, write benchmarks/RESULTS.md
	$(RUN) -m benchmarks $(ARGS)

docs: .venv/ready ## build the documentation into site/
	NO_MKDOCS_2_WARNING=true $(PY) -m mkdocs build --strict
	@echo "built: site/index.html"

lock: ## pin anew what pyproject.toml asks for (requirements/*.lock)
	$(COMPILE) --all-extras pyproject.toml -o requirements/base.lock
	$(COMPILE) --all-extras --group dev pyproject.toml -c requirements/base.lock -o requirements/dev.lock
	$(COMPILE) requirements/v10.in -o requirements/v10.lock
	echo uv | $(COMPILE) -c requirements/dev.lock - -o requirements/bootstrap.lock

clean: ## remove what was set up and built
	rm -rf .venv .venv-v10 site .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/ready: requirements/bootstrap.lock requirements/dev.lock pyproject.toml tools/make-env.sh tools/find-python.sh
	@sh tools/make-env.sh .venv requirements/dev.lock
	@UV_PYTHON_DOWNLOADS=never .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
	@touch $@

.venv-v10/ready: requirements/v10.lock tools/make-env.sh tools/find-python.sh | .venv/ready
	@sh tools/make-env.sh .venv-v10 requirements/v10.lock
	@touch $@
