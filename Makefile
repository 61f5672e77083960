# `make demo` and `make test` set up everything that they need in .venv.
PYTHON ?= python3
BIN := .venv/bin

# Without compiled modules, each process of the tests compiles its part of the libraries again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := all
.PHONY: all setup demo test system-test soak lint format docs bench bench-budget lock clean

all: test

setup: .venv/ready

.venv/ready: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "syncd needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	@$(BIN)/syncd demo

test: setup lint docs
	$(BIN)/pytest -n auto --dist worksteal

# A real systemd in a container: root, debootstrap and systemd-nspawn are needed, and minutes the first time.
system-test: setup
	SYNCD_SYSTEM_TEST=1 $(BIN)/pytest -n 0 tests/system

# Tests random companies, faults and crashes for so many MINUTES; each call tests others.
MINUTES ?= 20
soak: setup
	SYNCD_SOAK=$(MINUTES) $(BIN)/pytest tests/convergence tests/read tests/target/test_upserts.py \
		tests/core/test_outcomes_of_answers.py tests/core/test_claims.py tests/connectors/csv_file/test_rows.py \
		tests/core/mapping/test_properties.py tests/core/mapping/test_phone_texts.py \
		tests/core/activity tests/activity/receiving/test_durable.py tests/activity/media/test_many.py \
		tests/activity/test_requests_of_a_day.py tests/stories/test_incremental_equals_full.py \
		tests/commands/test_streams.py tests/commands/test_hostile_servers.py tests/surroundings \
		tests/connectors/sql_query/test_names.py tests/connectors/sql_query/test_keys.py \
		tests/connectors/sql_query/test_cursor_types.py tests/rest/test_listed.py tests/activity/pulling/test_histories.py \
		tests/stories/test_slipping_lists.py tests/stories/test_open_points.py tests/stories/test_left.py \
		tests/plan/test_field_history.py tests/push/test_doubt.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pages of docs/ as a site, in build/docs. A link that leads nowhere is an error.
docs: setup
	$(BIN)/sphinx-build -W --keep-going -n -q -b html docs build/docs

bench: setup
	$(BIN)/python bench/run.py
	$(BIN)/python bench/reconcile.py
	$(BIN)/python bench/phones.py
	$(BIN)/python bench/pull.py
	$(BIN)/python bench/receive.py
	$(BIN)/python bench/hubspot_sink.py
	$(BIN)/python bench/sinks.py
	$(BIN)/python bench/attribution.py
	$(BIN)/python bench/whois.py
	$(BIN)/python bench/callers.py

# Three processes on one key, against the guide's windows made sixty times faster.
bench-budget: setup
	$(BIN)/python bench/budget.py

# Rewrite the lock file from pyproject.toml: newest versions, for every platform, with hashes.
lock:
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/pip install --quiet uv
	.venv/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --extra dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis build
