# make book      the site, from stored outputs          make execute TIER=cpu   run chapters, store outputs
# make test      everything CI checks                   make serve              look at the site
PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8000
HOST   ?= 127.0.0.1
TIER   ?= cpu
BIN    := $(VENV)/bin
SITE   := _build/html

# Installed once for each content of these two files: a second run needs no network.
KEY        := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
BOOK_READY := $(VENV)/.ready-book-$(KEY)
TEST_READY := $(VENV)/.ready-test-$(KEY)

# Tests run without a network: hubs are off, and a stray download meets a closed port.
OFFLINE := HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HTTP_PROXY=http://127.0.0.1:9 \
           HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1,localhost
CHECK   := $(OFFLINE) MMLIB_TIER=smoke MMLIB_CACHE=$(CURDIR)/.cache/mmlib

.DEFAULT_GOAL := help
.PHONY: help book test lint types unit notebooks status execute serve shots lighthouse clean constraints

help:
	@echo "make book                  install, build the site from stored outputs, say where it is"
	@echo "make test                  install, then every check that CI runs"
	@echo "make execute TIER=cpu      run the chapters again (TIER=smoke, cpu or gpu; ONLY=04 for one)"
	@echo "make serve                 build the site and show it on http://127.0.0.1:$(PORT)"
	@echo "make shots                 screenshots of every page and a contact sheet in _build/shots"
	@echo "make lighthouse            Lighthouse's scores of three pages; needs Node.js, a network once"
	@echo "make clean                 remove what was built (the environment $(VENV) stays)"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "mmlib needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(BOOK_READY): | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[book]'
	@touch $@

$(TEST_READY): | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	@touch $@ $(BOOK_READY)

book: $(BOOK_READY)
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The site is in $(SITE): open $(CURDIR)/$(SITE)/index.html, or run 'make serve'."

test: lint types unit notebooks status
	@echo "All checks passed."

lint: $(TEST_READY)
	$(BIN)/ruff check .

types: $(TEST_READY)
	$(BIN)/mypy

unit: $(TEST_READY)
	$(CHECK) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

notebooks: $(TEST_READY)
	$(CHECK) $(BIN)/python -m pytest -q --nbval-lax --nbval-current-env notebooks

status: $(TEST_READY)
	$(BIN)/mmlib status --check

execute: $(BOOK_READY)
	$(BIN)/mmlib execute --tier $(TIER) $(if $(ONLY),--only $(ONLY))

serve: book
	@$(BIN)/mmlib serve $(SITE) --port $(PORT) --host $(HOST)

shots: book $(TEST_READY)
	$(BIN)/python -m tests.book.contact_sheet

lighthouse: book
	@$(BIN)/python -m mmlib.course.lighthouse $(SITE)

constraints: $(TEST_READY)
	@sed -n '/^#/p' constraints.txt > constraints.tmp
	@$(BIN)/python -m pip freeze --exclude-editable | grep -vE '^(nvidia-|cuda-|triton)' >> constraints.tmp
	@mv constraints.tmp constraints.txt

clean:
	rm -rf _build .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
