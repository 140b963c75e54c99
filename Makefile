# The commands of the project. `make help` lists them.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(or $(firstword $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python $(NEW_ENOUGH) 2>/dev/null && echo $$python; done)),python3)
QUICK ?=
ARGS ?=
DROPS ?= 10000
STEPS ?= 20000

BIN := .venv/bin
PRODUCT := .venv/.installed
EVERYTHING := .venv/.installed-dev
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
MANAGE := $(BIN)/python manage.py
# `manage.py check --deploy` looks at production settings; these secrets protect nothing.
PRODUCTION := DEBUG=0 CHAT_HTTPS=1 CHAT_ENV_FILE= SECRET_KEY=only-for-the-check-of-the-production-settings-0123456789 \
	JWT_SECRET=another-one-for-the-same-check-0123456789

.DEFAULT_GOAL := help
.PHONY: help install install-dev run serve test test-pythons check format bench reliability soak docs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PORT=           run, serve: where to listen; else what .env says, else 8000"
	@echo "  WORKERS=        serve: processes; else what .env says, else 1; more than one needs REDIS_URL"
	@echo "  PYTHON=$(PYTHON)  install: the Python to use, 3.11 or newer"
	@echo "  ARGS=           test, soak: options for pytest, as in ARGS='-k history'"
	@echo "  DROPS=$(DROPS)     soak: how many messages are lost, over all simulations"
	@echo "  STEPS=$(STEPS)     soak: how many commands people of changing rights try"
	@echo "  QUICK=1         bench: a short run of two minutes that writes nothing"

install: $(PRODUCT) ## create .venv and install what the product needs; other commands run this when needed

install-dev: $(EVERYTHING) ## the same, and what tests and checks need

$(PRODUCT): requirements.txt
	@$(PYTHON) $(NEW_ENOUGH) 2>/dev/null || { \
		echo "This needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make install PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { \
		echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@echo 'Installing into .venv; the first time takes a minute or two.'
	@$(PIP_INSTALL) -r requirements.txt
	@touch $(PRODUCT)

$(EVERYTHING): requirements-dev.txt $(PRODUCT)
	@echo 'Installing what tests and checks need.'
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $(EVERYTHING)

# Without a shell between, a signal to make reaches the server.
run: install ## a development server with example users and messages, on http://127.0.0.1:8000
	@$(BIN)/python -m chatsite.development

serve: install ## the production server; needs SECRET_KEY and JWT_SECRET (docs/configuration.md)
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) collectstatic --noinput --verbosity 0
	@$(BIN)/python -m chatsite.server

test: install-dev ## every test, on all cores
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-pythons: ## the tests of modules and flows on each newer Python that is installed
	@for version in 3.12 3.13; do \
		if python$$version $(NEW_ENOUGH) 2>/dev/null; then \
			echo "Python $$version"; \
			test -x .venv-$$version/bin/pytest || { python$$version -m venv .venv-$$version && \
				.venv-$$version/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt; } || exit 1; \
			.venv-$$version/bin/python -m pytest -n auto --dist worksteal tests/rooms tests/accounts tests/chatsite tests/monitoring tests/flows || exit 1; \
		else echo "Python $$version is not installed here: not tested with it."; fi; \
	done

check: install-dev ## format, lint, types, import directions, migrations, templates, settings, catalogues
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	DEBUG=1 $(BIN)/mypy
	$(BIN)/lint-imports
	DEBUG=1 $(MANAGE) makemigrations --check --dry-run
	$(BIN)/djlint --lint --quiet templates accounts monitoring rooms
	$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	@for catalogue in $$(find locale accounts monitoring rooms -name '*.po'); do \
		echo "msgfmt --check $$catalogue"; msgfmt --check --output-file=/dev/null $$catalogue || exit 1; done

format: install-dev ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

bench: install-dev ## measure beside a plain Node server and write docs/performance.md; 20 minutes on a quiet machine
	@QUICK=$(QUICK) $(BIN)/python -m benchmarks

reliability: install-dev ## break the chat's dependencies on purpose and write the results to docs/reliability.md; five minutes
	@$(BIN)/python -m tests.reliability.report

soak: install-dev ## run new random simulations until DROPS messages were lost, and STEPS commands tried against rights
	@SIMULATION_SEED=$$(date +%s) SIMULATION_RUNS=$$((($(DROPS) + 99) / 100)) PERMISSION_STEPS=$(STEPS) \
		$(BIN)/python -m pytest -n auto --dist worksteal tests/simulation $(ARGS)

docs: install-dev ## rewrite the generated pages (docs/protocol.md)
	DEBUG=1 $(MANAGE) protocol_docs
