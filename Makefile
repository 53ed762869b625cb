# Everything a person does with Licet. Needs make, Python 3.11-3.14 with venv, and 2 GB of disk.
#   make demo            install, start everything, run one whole journey, stay up    ONCE=1  FROM=DIR  PORT=8000
#   make test            the whole suite on real services                             T=tests/licensing/ledger
#   make run             web server, worker, relay on this machine                    PORT=8000
#   make check           style, types, order of layers, generated documents
#   make coverage        kernel and rules at 100 % of their branches by tests without a database    ALL=1: all at 90 %
#   make bench B=name    one benchmark                                                N=size
#   make faults          workers killed, Redis flushed, webhooks shuffled: the fault tests alone
#   make client          build licet-verify.pyz into dist/
#   make setup           only install                       PYTHON=python3.12 chooses the interpreter
#   make lock            lock the requirements again        make reference  write docs/reference again
.DEFAULT_GOAL := help
SHELL := /bin/sh
export PYTHON
# Files are UTF-8 whatever the locale says, nobody else's modules are ours, and a module is compiled once, not by every
# process that starts: where bytecode is not kept, that is 0.6 s of each.
export PYTHONUTF8 := 1
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# One more than two cores: some tests wait for processes.
JOBS ?= 3
PORT ?= 8000
INSTALL = python=$$(.ci/python) && "$$python" .ci/setup.py

.PHONY: help setup runtime demo run test check coverage bench faults client lock reference wheels

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@$(INSTALL) dev

runtime:
	@$(INSTALL) run

demo: runtime
	@$(BIN)/python manage.py demo --port $(PORT) $(if $(ONCE),--once) $(if $(FROM),--from "$(FROM)")

run: runtime
	@$(BIN)/python manage.py run --port $(PORT)

# A file stays with one worker, which then makes its common world once.
SPREAD = -n $(JOBS) --dist loadfile --no-loadscope-reorder
test: setup
	@$(BIN)/python -m pytest $(SPREAD) $(T)

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py reference --check
	$(BIN)/python -m pytest -q tests/architecture

# What is decided in pure Python is covered by tests that need nothing else (a minute); ALL=1 measures the whole suite.
PURE = grep -Lr --include='test_*.py' -e django_db -e committed tests/licensing
MEASURED = $(if $(ALL),$(SPREAD),-p no:xdist $$($(PURE)))
coverage: setup
	@rm -rf var/coverage && mkdir -p var/coverage
	@$(BIN)/coverage run -m pytest -q $(MEASURED)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --include='licensing/kernel/*,*/rules.py' --fail-under=100
	@$(if $(ALL),$(BIN)/coverage report --fail-under=90)

bench: setup
	@$(BIN)/python -m bench $(B) $(N)

faults: setup
	@$(BIN)/python -m pytest $(SPREAD) $$(find tests -name 'test_faults*.py')

client: setup
	@$(BIN)/python -m client.build

reference: setup
	@$(BIN)/python manage.py reference

LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --quiet $(UPGRADE)
lock: setup
	@$(LOCK) requirements.in -o requirements.txt
	@$(LOCK) requirements-embedded.in -o requirements-embedded.txt
	@$(LOCK) requirements-dev.in -o requirements-dev.txt
	@$(MAKE) --no-print-directory wheels

# Every locked version has a wheel for each Python and platform we name: nobody needs a compiler.
WHEELS = $(BIN)/uv pip compile --quiet --no-header --no-annotate --no-deps --only-binary :all:
wheels: setup
	@for python in 3.11 3.12 3.13 3.14; do \
	  for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin; do \
	    $(WHEELS) --python-version $$python --python-platform $$platform requirements.txt requirements-embedded.txt \
	      > /dev/null || { echo "no wheels for Python $$python on $$platform"; exit 1; }; \
	  done; \
	done
