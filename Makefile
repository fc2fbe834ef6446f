# `make demo` and `make test` are all one needs; a second call is quick.
#   make demo           forget a class of the digits, write runs/.../report.html
#   make test           linters, types, doctests and the quick tests
#   make test-methods   the tests of the family of methods
#   make test-slow      the tests that take minutes
#   make test-oldest    the quick tests, on the oldest supported versions
#   make bench          the speed claims
#   make clean          remove what the others have made, runs/ excepted
# Variables: PYTHON=python3.12, WORKERS=4 (test processes), ARGS='-k moments'.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

VENV := .venv
OLDEST := .venv-oldest
PYTEST := -m pytest -q -n $(WORKERS) $(ARGS)
# The family of methods (issue 5) is still under way and tested on its own.
FAMILY := tests/methods tests/experiments/test_compare.py
# Twice quiet: errors only.
PIP := -m pip install -qq --disable-pip-version-check

.PHONY: demo test test-methods lint test-slow test-oldest bench install clean
.DELETE_ON_ERROR:

demo: $(VENV)/.experiments
	$(VENV)/bin/python -m experiments.forget_class --dataset digits

test: lint
	$(VENV)/bin/python $(PYTEST) -m 'not slow' $(FAMILY:%=--ignore=%)

test-methods: $(VENV)/.dev
	$(VENV)/bin/python $(PYTEST) $(FAMILY)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python

test-slow: $(VENV)/.dev
	$(VENV)/bin/python $(PYTEST) -m slow

test-oldest: $(OLDEST)/.oldest
	$(OLDEST)/bin/python $(PYTEST) -m 'not slow and not real_data'

bench: $(VENV)/.dev
	@for file in benchmarks/[!_]*.py; do echo "== $$file"; \
	  $(VENV)/bin/python -m "benchmarks.$$(basename $$file .py)" || exit 1; \
	done

install: $(VENV)/.dev

# Stamps: made again when the dependencies change.

$(VENV)/.experiments: pyproject.toml | $(VENV)/.made
	@echo 'Installing into $(VENV), once.'
	@$(VENV)/bin/python $(PIP) -e '.[experiments]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@echo 'Installing into $(VENV), once.'
	@$(VENV)/bin/python $(PIP) -e '.[experiments,dev]'
	@touch $@ $(VENV)/.experiments

# The lower bounds of the core's dependencies, as pyproject.toml states them.
$(OLDEST)/.oldest: pyproject.toml | $(OLDEST)/.made
	@echo 'Installing into $(OLDEST), once.'
	@$(OLDEST)/bin/python -c "import tomllib; \
	  project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	  print(*project['dependencies'], sep='\n')" \
	  | sed 's/>=/==/' > $(OLDEST)/constraints.txt
	@$(OLDEST)/bin/python $(PIP) -c $(OLDEST)/constraints.txt \
	  -e '.[experiments,dev]'
	@touch $@

%/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo '$(PYTHON) is older than 3.11: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $* || { \
	  echo '$(PYTHON) cannot make $*: install its venv module (Debian:' \
	    'apt install python3-venv).'; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) $(OLDEST) .pytest_cache .ruff_cache .hypothesis *.egg-info
