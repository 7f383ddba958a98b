# `make demo` and `make test` start from a bare Debian or Ubuntu machine: sandbox/bootstrap.sh brings
# packages, a Docker Engine and .venv, and does nothing where they are there already. An engine that
# it started is stopped in the end, unless somebody else uses it; KEEP_ENGINE=1 keeps it.
BOOTSTRAP := sandbox/bootstrap.sh
BIN := .venv/bin

.PHONY: help demo test check tests texts bench clean venv

help:                       ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo:                       ## the bot on a local Slack and SoftLayer; TOUR=1 plays a tour and ends
	$(BOOTSTRAP) demo $(BIN)/ds-bot demo $(if $(TOUR),--tour)

test:                       ## install what is needed, check, and run every test
	$(BOOTSTRAP) test $(MAKE) --no-print-directory check tests

check: venv                 ## style, types and import contracts; needs only Python
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

tests:                      ## every test, on a machine where `make test` has run before
	$(BIN)/pytest

texts: venv                 ## bring the catalogues of messages into step with the code
	$(BIN)/python -m bot.replies.catalogue

bench:                      ## measure, and compare with the last figures
	$(BOOTSTRAP) test $(BIN)/python -m bench

clean:                      ## remove .venv and what tools have cached; no data of the bot's
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

venv:
	@$(BOOTSTRAP) venv
