# One command for each thing one does with the project; `make` alone lists them.
# Needs Python 3.11 and make; everything else is installed into .venv from the locked lists.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
NODES ?= 1
PYTEST := $(BIN)/python -m pytest
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run run-cluster test test-quick test-cassandra test-servers check bench soak format assets lock screenshots messages install install-dev

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 24

run: install ## Start everything embedded, with a demo community, at http://127.0.0.1:8000
	@exec $(BIN)/python manage.py serve --demo --port $(PORT)

run-cluster: install-dev ## The same on MongoDB, Cassandra (NODES=3: three nodes) and Valkey, started on this machine
	@exec $(BIN)/python -m config.cluster run --port $(PORT) --nodes $(NODES)

# The browser's driver keeps an event loop running in its process, which other tests cannot share: they run apart.
test: install-dev ## Run every test that can run on this machine
	@$(PYTEST) -n 3 --dist loadgroup -rfEs -m "not browser" --cov --cov-report=; rest=$$?; \
	$(PYTEST) -n 2 --dist loadgroup -rfEs -m browser; exit $$((rest | $$?))

test-quick: install-dev ## Run the fast tests only (under two minutes)
	$(PYTEST) -n 2 -q -m "not slow and not browser and not processes and not shared_data"

test-cassandra: install-dev ## Run the store's tests on a real Cassandra too (needs Java 17; Maven the first time)
	$(BIN)/python -m config.cluster fetch
	TEST_CASSANDRA=1 $(PYTEST) -n 0 -q telemetry --ignore telemetry/tests/test_cassandra_ring.py --ignore telemetry/tests/test_cassandra_server.py
	TEST_CASSANDRA=1 $(PYTEST) -n 0 -q telemetry/tests/test_cassandra_ring.py telemetry/tests/test_cassandra_server.py

# Left out: what runs on the embedded store alone in any case, and says so by its name.
SERVED := -p tests.servers -n 2 --dist loadgroup -rfEs --durations=20 -k "not sqlite"

test-servers: install-dev ## Run every test on MongoDB, Cassandra and Valkey over TCP (needs Java 17; Maven the first time)
	@$(BIN)/python -m config.cluster fetch
	@$(PYTEST) $(SERVED) -m "not browser"; rest=$$?; $(PYTEST) $(SERVED) -m browser; exit $$((rest | $$?))

check: install-dev ## Everything that can be said about the code without running it
	@$(BIN)/python .ci/check

bench: install-dev ## Measure, each figure beside its limit in the same run
	$(BIN)/python -m bench

soak: install-dev ## Trade for ten minutes while web server and worker are killed, then prove the ledger (SOAK_SECONDS=…)
	SOAK_SECONDS=$${SOAK_SECONDS:-600} $(PYTEST) -n 0 -s -q tests/journeys/test_trading_soak.py

format: install-dev ## Bring code and templates into the common form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .
	@find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --target-version 5.2 || true

lock: install-dev ## Resolve requirements*.in again and write the locked lists
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt

assets: ## Fetch the locked browser libraries again into static/vendor (needs npm)
	@command -v npm >/dev/null || { echo "make assets needs npm: install nodejs and npm (Debian: apt install npm)."; exit 1; }
	npm ci --ignore-scripts --no-audit --no-fund
	$(PYTHON) tools/assets.py

messages: install-dev ## Collect the texts to translate into locale/ (needs gettext)
	@command -v xgettext >/dev/null || { echo "make messages needs GNU gettext (Debian: apt install gettext)."; exit 1; }
	$(BIN)/python manage.py makemessages --all --no-obsolete --no-wrap --add-location file --ignore ".venv/*" --ignore "node_modules/*" --ignore "var/*" --ignore "tests" --ignore "bench"

screenshots: install-dev ## Take the pictures of the README anew (needs chromium)
	$(BIN)/python -m tests.browser.screens

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

# uv installs several times faster than pip; its own version and hashes come from the locked list too.
$(VENV)/bin/uv:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 was not found as '$(PYTHON)': install it (Debian 12: apt install python3.11) or name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "'$(PYTHON)' is not Python 3.11: name one that is: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is incomplete here: install it (Debian 12: apt install python3.11-venv) and run make again."; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@awk '/^[a-z0-9]/ {keep = /^uv==/} keep && !/^ *#/' requirements-dev.txt > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt \
		|| { echo "The packages could not be downloaded: check the connection, then run make again."; exit 1; }

$(VENV)/installed: requirements.txt | $(VENV)/bin/uv
	@echo "Installing the locked packages …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt \
		|| { echo "The packages could not be downloaded: check the connection, then run make again."; exit 1; }
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt | $(VENV)/installed
	@echo "Installing the locked packages for tests and checks …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt \
		|| { echo "The packages could not be downloaded: check the connection, then run make again."; exit 1; }
	@touch $@
