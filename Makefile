# Every target sets up what it needs: Python 3.11 or newer and make are enough to start; for `make
# test`, whose identity provider is not written in Python, Node.js with npm as well.
#
# `.venv` is made once, filled from requirements.lock, and made up to date again when the lock
# or pyproject.toml changes.

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALLED := $(VENV)/.installed
BENCHMARKS := publish profiles upsert incremental reading serving lookups growth plan catalog sharing peers
PEERS := benchmarks/.venv/.installed
JUDGES := tests/peers/.venv/.installed
SHARING := tests/peers/sharing/.venv/.installed
IDENTITY := tests/peers/identity/node_modules/.installed
DAGSTER_HOME := $(CURDIR)/.mesh/dagster
HOST ?= 127.0.0.1
PORT ?= 3000

# Nothing here calls home.
export DAGSTER_DISABLE_TELEMETRY := yes
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

# Without compiled modules each `mesh` would compile a thousand first: 3 s.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test soak check types house dev bench docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) ## Publish the reference mesh: five domains, real data
	@$(BIN)/mesh run --all --run-id demo
	@echo
	@echo "Look at what was published:"
	@echo "  $(BIN)/mesh show punctuality.departures_v1"
	@echo "  $(BIN)/mesh lineage punctuality.delay_drivers_v1 --up"
	@echo "  $(BIN)/mesh read weather.observations_v1 --where \"wind_speed_mph > 40\""
	@echo "  $(BIN)/mesh quarantine show weather.observations_v1"
	@echo "  $(BIN)/mesh policy explain operations.flights --as noor.rahman@united.example.com"
	@echo "  make dev      the same mesh in Dagster's UI"

# Tests edit modules twice in a second, which a compiled module of the same size hides: they write
# none, and find those of libraries and of Mesh itself. Two processors have time for three that test:
# each waits a good part of its time, for disks, servers and processes that it started.
test: export PYTHONDONTWRITEBYTECODE := 1
test: $(INSTALLED) $(JUDGES) $(SHARING) $(IDENTITY) ## Run every test
	$(BIN)/python -m compileall -q -j 0 -x /tests/ $(VENV)/lib mesh > /dev/null || true
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --mesh $(ARGS)

soak: $(INSTALLED) ## Kill, cut and fill for MINUTES=10, and keep the figures in docs/reliability.md
	$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),10) --keep $(ARGS)

check: $(INSTALLED) ## Format, lint, types, layers, dependencies, security, and the tests of the house
	@$(MAKE) --no-print-directory --jobs=2 types house

# It takes as long as all others together.
types: $(INSTALLED)
	$(BIN)/mypy

house: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/bandit --quiet --recursive --severity-level medium mesh
	$(BIN)/pytest -q tests/house

dev: $(INSTALLED) ## Open Dagster: webserver and daemon, one code location a domain
	@mkdir -p "$(DAGSTER_HOME)"
	@test -e "$(DAGSTER_HOME)/dagster.yaml" || printf 'telemetry:\n  enabled: false\n' > "$(DAGSTER_HOME)/dagster.yaml"
	@echo "Dagster: http://$(HOST):$(PORT) (Ctrl-C stops it; runs are kept in .mesh/dagster)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" DAGSTER_HOME="$(DAGSTER_HOME)" \
		$(BIN)/dagster dev -w workspace.yaml -h $(HOST) -p $(PORT)

bench: $(INSTALLED) $(PEERS) ## Run the benchmarks and print their results (ARGS="--full" is all of it)
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS); done

docs: $(INSTALLED) ## Write docs/reference anew from the code
	$(BIN)/python -m tests.house.reference

lock: $(UV) ## Resolve the locks anew (UPGRADE=--upgrade moves versions)
	UV_NO_CONFIG=1 $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --all-extras --group dev $(UPGRADE) \
		--output-file requirements.lock pyproject.toml
	UV_NO_CONFIG=1 $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url $(UPGRADE) --output-file benchmarks/peers.lock benchmarks/peers.txt
	UV_NO_CONFIG=1 $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url $(UPGRADE) --output-file tests/peers/requirements.lock tests/peers/requirements.txt
	UV_NO_CONFIG=1 $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url $(UPGRADE) --output-file tests/peers/sharing/requirements.lock \
		tests/peers/sharing/requirements.txt

clean: ## Remove what these targets made
	rm -rf $(VENV) .mesh dist benchmarks/.data benchmarks/.venv tests/peers/.venv tests/peers/sharing/.venv tests/peers/identity/node_modules dbt_project/target dbt_project/logs logs
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Mesh needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is not one:" \
			"install one and run 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(INSTALLED): $(UV) requirements.lock pyproject.toml
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(UV) pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(PEERS): $(UV) benchmarks/peers.lock
	$(UV) venv --quiet --clear --python $(BIN)/python benchmarks/.venv
	VIRTUAL_ENV="$(CURDIR)/benchmarks/.venv" $(UV) pip sync --quiet --require-hashes benchmarks/peers.lock
	@touch $@

$(JUDGES): $(UV) tests/peers/requirements.lock
	$(UV) venv --quiet --clear --python $(BIN)/python tests/peers/.venv
	VIRTUAL_ENV="$(CURDIR)/tests/peers/.venv" $(UV) pip sync --quiet --require-hashes tests/peers/requirements.lock
	@touch $@

$(SHARING): $(UV) tests/peers/sharing/requirements.lock
	$(UV) venv --quiet --clear --python $(BIN)/python tests/peers/sharing/.venv
	VIRTUAL_ENV="$(CURDIR)/tests/peers/sharing/.venv" $(UV) pip sync --quiet --require-hashes \
		tests/peers/sharing/requirements.lock
	@touch $@

$(IDENTITY): tests/peers/identity/package-lock.json
	@command -v npm > /dev/null || { \
		echo "Tests start an identity provider that needs Node.js 20 or newer, with npm:" \
			"install both, such as with 'apt-get install nodejs npm'." >&2; exit 1; }
	npm ci --prefix tests/peers/identity --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
