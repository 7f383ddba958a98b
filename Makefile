PYTHON ?= python3
BIN := .venv/bin

.PHONY: test check clean

.venv/stamp: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps -e .
	touch .venv/stamp

check: .venv/stamp          ## style, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check                 ## everything that needs no Docker Engine, browser or PostgreSQL
	$(BIN)/pytest -m "not engine and not browser and not postgres"

clean:
	rm -rf .venv
