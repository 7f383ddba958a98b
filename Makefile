# `make demo` and `make test` start from a bare Debian or Ubuntu machine: sandbox/bootstrap.sh brings
# packages, a Docker Engine and .venv, and does nothing where they are there already.
BOOTSTRAP := sandbox/bootstrap.sh
BIN := .venv/bin

.PHONY: help demo test check texts bench clean

help:                       ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo:                       ## the bot on a local Slack and SoftLayer; TOUR=1 plays a tour and ends
	$(BOOTSTRAP) demo
	$(BIN)/ds-bot demo $(if $(TOUR),--tour)

test:                       ## install what is needed, check, and run every test
	$(BOOTSTRAP) test
	$(MAKE) --no-print-directory check
	$(BIN)/pytest

check: $(BIN)/python        ## style, types and import contracts; needs only .venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

texts: $(BIN)/python        ## bring the catalogues of messages into step with the code
	$(BIN)/python -m bot.replies.catalogue

bench:                      ## measure, and compare with the last figures
	$(BOOTSTRAP) test
	$(BIN)/python -m bench

clean:                      ## remove .venv and what tools have cached; no data of the bot's
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	$(BOOTSTRAP) demo
