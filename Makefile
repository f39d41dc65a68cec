# What one types. `scripts/setup.py` brings up to date what each needs, and does
# nothing where nothing has changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
BIN := .venv/bin
CODE := conferences portal sipgateway tests bench scripts manage.py
# Processes that share the live tests, 0 for this one alone: two are a quarter faster, and
# leave less of the machine to what plays sound in real time.
LIVE ?= 0

.PHONY: help run test check format bench clean

help:
	@echo "make run     set up and run Parley in the foreground (Ctrl-C stops it)"
	@echo "make test    set up and pass all tests, browsers and SIP peers included"
	@echo "make check   formatting, lint, types, layers, migrations, deployment, unit tests"
	@echo "make format  let ruff format and mend what it can"
	@echo "make bench   print how long a join takes, and what joins and requests cost"
	@echo "make clean   remove all that set-up made; the database in var/ stays"

run:
	@$(PYTHON) scripts/setup.py run
	@exec $(BIN)/python manage.py serve

test:
	@$(PYTHON) scripts/setup.py test
	$(BIN)/python -m pytest -m "not live" -n auto
	$(BIN)/python -m pytest -m live -n $(LIVE) --dist loadfile --tb=short --durations=10

check:
	@$(PYTHON) scripts/setup.py develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(PYTHON) scripts/check_deployment.py
	$(BIN)/python -m pytest -m "not live" -n auto

format:
	@$(PYTHON) scripts/setup.py develop
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench:
	@$(PYTHON) scripts/setup.py test
	@$(BIN)/python -m bench.joins
	@$(BIN)/python -m bench.signalling
	@$(BIN)/python -m bench.flood
	@$(BIN)/python -m bench.notify
	@$(BIN)/python -m bench.crowd
	@$(BIN)/python -m bench.parsers
	@$(BIN)/python -m bench.mixer
	@$(BIN)/python -m bench.cluster

clean:
	rm -rf .venv node_modules static/dist static/vendor staticfiles spoken locale/.made-of-words
