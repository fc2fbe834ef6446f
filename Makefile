# `make demo` and `make test` are all one needs; a second call is quick.
#   make demo           forget a class of the digits, write runs/.../report.html
#   make test           linters, types, doctests and the quick tests
#   make test-slow      the tests that take minutes
#   make test-strict    the core's tests in JAX's strict modes, one after the other
#   make test-faults    500 kills and 200 damaged stores of deletion requests
#   make test-oldest    the quick tests, on the oldest supported versions
#   make docs           site/: the documentation, where every link leads somewhere
#   make dist           dist/: the wheel and the source distribution, checked
#   make first-hour     what a stranger does first, in an empty environment with the wheel
#   make bench          the speed claims, BENCHMARKS=moment_rate for one of them
#   make pod-plan       what TPU pods would do; needs libtpu, but no TPU
#   make clean          remove what the others have made, runs/ excepted
# Variables: PYTHON=python3.12, WORKERS=4 (test processes), ARGS='-k moments',
# MODES=JAX_DEBUG_NANS=1 for one of the strict modes.

# Modules are compiled once, also where the environment says not to: tests start many
# processes.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

VENV := .venv
OLDEST := .venv-oldest
PLAN := .venv-plan
RELEASE := .venv-release
DOCS := .venv-docs
PLANS := pod_plan eigensolvers
BENCHMARKS ?= $(filter-out $(PLANS),$(patsubst benchmarks/%.py,%, \
  $(wildcard benchmarks/[!_]*.py)))
MODES ?= JAX_NUMPY_RANK_PROMOTION=raise JAX_NUMPY_DTYPE_PROMOTION=strict \
  JAX_DEBUG_NANS=1 JAX_ENABLE_X64=1 JAX_CHECK_TRACER_LEAKS=1
CORE := $(addprefix tests/,capture moments null_space evaluation/metrics)
# A file at a time: what its tests share is then made once. In their order: sorted by
# how many tests they have, files of few long ones would come last and one at a time.
PYTEST := -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)
# Packages come by uv, several times as fast, or by pip where uv finds no index (it does
# not read pip's configuration). Twice quiet: errors only. Modules are compiled when they
# are imported, as most never are.
DEV := experiments,dev
install_into = $(1)/bin/python -m pip install -qq --disable-pip-version-check uv && { \
  $(1)/bin/uv pip install -qq --python $(1)/bin/python $(2) || \
  $(1)/bin/python -m pip install -qq --no-compile --disable-pip-version-check $(2); }

.PHONY: demo test quick lint test-slow test-strict test-faults test-oldest docs dist first-hour bench pod-plan \
  install clean
.DELETE_ON_ERROR:

demo: $(VENV)/.experiments
	$(VENV)/bin/python -m experiments.forget_class --dataset digits

test: lint quick

quick: $(VENV)/.dev
	$(VENV)/bin/python $(PYTEST) -m 'not slow'

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/pyrefly check --python-interpreter-path $(VENV)/bin/python

test-slow: $(VENV)/.dev
	$(VENV)/bin/python $(PYTEST) -m slow

test-strict: $(VENV)/.dev
	@for mode in $(MODES); do echo "== $$mode"; \
	  env $$mode $(VENV)/bin/python $(PYTEST) -m 'not slow' $(CORE) || exit 1; \
	done

test-faults: $(VENV)/.dev
	$(VENV)/bin/python -m tests.requests.faults --kills 500 --corruptions 200

test-oldest: $(OLDEST)/.oldest
	$(OLDEST)/bin/python $(PYTEST) -m 'not slow and not real_data'

docs: $(DOCS)/.docs
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

dist: $(RELEASE)/.release
	@rm -rf dist
	$(RELEASE)/bin/python -m build --outdir dist
	$(RELEASE)/bin/python -m twine check --strict dist/*

first-hour: dist
	$(PYTHON) -m tests.wheel.first_hour dist/*.whl

bench: $(VENV)/.dev
	@missed=; for name in $(BENCHMARKS); do echo "== $$name"; \
	  $(VENV)/bin/python -m "benchmarks.$$name" || missed="$$missed $$name"; \
	done; test -z "$$missed" || { echo "missed or failed:$$missed"; exit 1; }

# In an environment of its own: JAX would look for a TPU wherever libtpu is.
pod-plan: $(PLAN)/.plan
	@for name in $(PLANS); do echo "== $$name"; \
	  JAX_PLATFORMS=cpu $(PLAN)/bin/python -m "benchmarks.$$name" || exit 1; \
	done

install: $(VENV)/.dev

# Stamps: made again when the dependencies change.

$(VENV)/.experiments: pyproject.toml | $(VENV)/.made
	@echo 'Installing into $(VENV), once.'
	@$(call install_into,$(VENV),-e '.[experiments]')
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@echo 'Installing into $(VENV), once.'
	@$(call install_into,$(VENV),-e '.[$(DEV)]')
	@touch $@ $(VENV)/.experiments

# The lower bounds of the core's dependencies, as pyproject.toml states them.
$(OLDEST)/.oldest: pyproject.toml | $(OLDEST)/.made
	@echo 'Installing into $(OLDEST), once.'
	@$(OLDEST)/bin/python -c "import tomllib; \
	  project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	  print(*project['dependencies'], sep='\n')" \
	  | sed 's/>=/==/' > $(OLDEST)/constraints.txt
	@$(call install_into,$(OLDEST),-c $(OLDEST)/constraints.txt -e '.[$(DEV)]')
	@touch $@

$(RELEASE)/.release: pyproject.toml | $(RELEASE)/.made
	@echo 'Installing into $(RELEASE), once.'
	@$(call install_into,$(RELEASE),build twine)
	@touch $@

# The library is read for it, not run, and need not be there.
$(DOCS)/.docs: pyproject.toml | $(DOCS)/.made
	@echo 'Installing into $(DOCS), once.'
	@$(DOCS)/bin/python -c "import tomllib; \
	  project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	  print(*project['optional-dependencies']['docs'], sep='\n')" > $(DOCS)/requirements.txt
	@$(call install_into,$(DOCS),-r $(DOCS)/requirements.txt)
	@touch $@

$(PLAN)/.plan: pyproject.toml | $(PLAN)/.made
	@echo 'Installing into $(PLAN), once.'
	@$(call install_into,$(PLAN),-e '.[pod-plan]')
	@touch $@

%/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo '$(PYTHON) is older than 3.11: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $* || { \
	  echo '$(PYTHON) cannot make $*: install its venv module (Debian:' \
	    'apt install python3-venv).'; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) $(OLDEST) $(PLAN) $(RELEASE) $(DOCS) dist site .pytest_cache .ruff_cache .hypothesis *.egg-info
