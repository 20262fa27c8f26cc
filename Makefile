# Needs make and Python 3.11 or newer. Every target sets up what it needs; `make help` lists them.

# The Python that .venv is made with; empty: the first of the list below that is 3.11 or newer.
PYTHON ?=
PYTHONS = $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python

NEW_ENOUGH = -c 'import sys; sys.exit(sys.version_info < (3, 11))'
BIN = .venv/bin
STAMP = .venv/.set-up
# pip itself comes first: the one that Python brings may take three times as long over the lock.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# Hashes without index addresses: the lock serves whichever index pip is set to.
COMPILE = uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(LOCK_FLAGS)

.DEFAULT_GOAL := help
# Compiled modules are kept whatever the shell says: each of many processes would compile the libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test coverage lint format docs lock clean chaos bench profile

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10
	@echo
	@echo 'PYTHON=/path/to/python3 chooses the Python for .venv.'
	@echo 'make chaos SEED=7 SECONDS=60 repeats a chaos run; without SEED it draws one.'
	@echo 'make bench BENCH_FLAGS="--scenario steady --runs 3": .venv/bin/python -m bench --help lists them.'

setup: $(STAMP) ## Make .venv with the command instagram-feed in it

demo: $(STAMP) ## Watch events become posts on a local stack
	@$(BIN)/instagram-feed demo

# The longest files, of acceptance and chaos, begin first: by default xdist begins with those of most tests.
test: $(STAMP) ## Run all tests against real Kafka and PostgreSQL
	@$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST_FLAGS)

coverage: $(STAMP) ## The same with coverage, the processes under test included; takes longer
	@$(MAKE) --no-print-directory test PYTEST_FLAGS="--cov $(PYTEST_FLAGS)"

lint: $(STAMP) ## Check style, types, import direction and migration SQL
	@bash .ci/run lint

format: $(STAMP) ## Format the code and fix what can be fixed by rule
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

docs: $(STAMP) ## Write what is made from settings, metrics, models and lock; build the site in build/docs, its links checked
	@$(BIN)/python -m consumer.operations.settings_reference
	@$(BIN)/python -m consumer.operations.metrics_reference
	@$(BIN)/instagram-feed schemas export
	@$(BIN)/python .ci/dependencies.py --licences docs/licences.md
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

lock: ## Pin the dependencies again (needs uv; LOCK_FLAGS=--upgrade takes the newest)
	@command -v uv >/dev/null || { echo 'make lock needs uv on the PATH.' >&2; exit 1; }
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --constraint requirements.txt --extra experiments --extra registry --extra tracing \
		--output-file requirements-extras.txt
	$(COMPILE) --constraint requirements-extras.txt --extra dev --output-file requirements-dev.txt

chaos: $(STAMP) ## Break servers and consumers by schedule; check that nothing is lost or paid twice
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

bench: $(STAMP) ## Measure CPU, throughput and memory beside other programs; takes a quiet machine
	@$(BIN)/python -m bench $(BENCH_FLAGS)

profile: $(STAMP) ## Sample the consumer under load; writes the flame graph profile.svg
	@$(BIN)/python -m bench.profile

clean: ## Remove .venv and what the tools left
	rm -rf .venv .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info

$(STAMP): requirements-dev.txt pyproject.toml
	@for python in $(PYTHONS); do \
		if $$python $(NEW_ENOUGH) 2>/dev/null; then found=$$python; break; fi; \
		if [ "$$python" = "$(PYTHON)" ]; then echo "PYTHON=$(PYTHON) is not Python 3.11 or newer." >&2; exit 1; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'No Python 3.11 or newer is on the PATH. Install one, or name it: make PYTHON=/path/to/python3.12' >&2; \
		exit 1; \
	fi; \
	echo "Setting up .venv with $$($$found --version): the first time takes a minute or two."; \
	$(BIN)/python $(NEW_ENOUGH) 2>/dev/null || $$found -m venv --clear .venv || { \
		echo 'Making .venv failed; on Debian and Ubuntu it needs the package python3-venv.' >&2; exit 1; }
	@echo 'Installing the pinned packages of requirements-dev.txt …'
	@sed -n '/^pip==/,/#/p' requirements-dev.txt >.venv/pip.txt
	@$(INSTALL) --require-hashes -r .venv/pip.txt
	@$(INSTALL) --no-deps --require-hashes -r requirements-dev.txt
	@PYTHONWARNINGS=ignore $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
	@echo 'Ready: $(BIN)/instagram-feed'
