# `make run` and `make test` need Python 3.11 or newer and nothing else: the first call creates .venv and installs
# into it, later calls go straight to work. CONTRIBUTING.md has the same as plain commands.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test lint benchmark install clean

# PYTHON=/path/to/python3 picks an interpreter; otherwise the first suitable one of these is taken. 3.14 is last:
# TensorFlow 2.21 has no build for it, and the suite then runs without TensorFlow.
PYTHON ?= $(shell for name in python3 python python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& echo "$$name" && exit; done; echo python3)

# Where torch is taken from. On Linux the package index has torch with CUDA (several GB), of no use without an
# NVIDIA GPU, so the CPU build is preferred there. TORCH_INDEX= takes what the package index has.
TORCH_INDEX ?= $(shell test "$$(uname -s)" = Linux && ! nvidia-smi >/dev/null 2>&1 \
	&& echo https://download.pytorch.org/whl/cpu)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/.installed

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'
	@echo "variables: PYTHON (interpreter for .venv), TORCH_INDEX (where torch comes from; empty: the package index)"

run: $(INSTALLED) ## train and measure every contender, print the verdicts, write the report; ARGS="course --json" is passed on
	$(BIN)/versus run $(ARGS)

test: lint ## lint, then the tests; ARGS="-k parity" is passed to pytest
	$(BIN)/python -m pytest --numprocesses auto --dist loadscope --benchmark-disable $(ARGS)

lint: $(INSTALLED) ## style, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmark: $(INSTALLED) ## the benchmark cases in pytest's table; ARGS="-k numpy" is passed to pytest
	$(BIN)/python -m pytest --benchmark $(ARGS)

install: $(INSTALLED) ## only create .venv and install

clean: ## remove .venv and every cache; results stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "versus: expected Python 3.11 or newer, got '$(PYTHON)' ($$("$(PYTHON)" --version 2>&1));" \
	"install one from https://www.python.org/downloads/, or name it: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
	echo "versus: '$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# torch comes first and alone: an index that cannot be reached then costs one refused request (pip skips it and
# looks in the package index), and no other package is ever looked for there.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (first time: a few minutes, about 3 GB)"
	$(if $(TORCH_INDEX),$(PIP) install --quiet --no-deps --retries 1 --timeout 15 --extra-index-url $(TORCH_INDEX) \
		--constraint constraints.txt torch)
	$(PIP) install --quiet --constraint constraints.txt --editable ".[all]"
	@touch $@
