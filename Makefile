# Everything works from a fresh checkout: `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready

.PHONY: help lambda demo quick test coverage hooks lint types docs site recordings bench lab faults check clean

help:  ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# pip, quiet: a build backend's own warnings are nothing that a user can fix.
PIP := PYTHONWARNINGS=ignore $(BIN)/pip --disable-pip-version-check

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'netcheck needs Python 3.11 or later; name one: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo 'on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	$(PIP) install --quiet --upgrade pip
	$(PIP) install --quiet --editable .
	@touch $@

# The marks are set by tests/marks.py.
PURE := 'not server and not slow'

$(READY): $(INSTALLED)
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## replay the recorded runs
	@$(BIN)/netcheck demo

quick: $(READY)  ## run the tests that need no server: a minute or two
	$(BIN)/python -m pytest -n 2 --dist loadfile -m $(PURE)

test: $(READY)  ## run every test, against real servers (fetched once); says what it skips and why
	$(BIN)/python tools/fetch_servers.py
	$(BIN)/python -m pytest -n 2 --dist loadfile -rfEs

coverage: $(READY)  ## run what needs no server, and print how much of each room it reaches
	$(BIN)/python -m pytest -n 2 --dist loadfile -m $(PURE) --cov --cov-report=
	$(BIN)/python tools/coverage_by_room.py

hooks: $(READY)  ## run ruff and mypy at each commit, and make quick at each push
	$(BIN)/pre-commit install

lint: $(READY)  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy --strict, of tests and tools too
	$(BIN)/mypy

check: lint types test  ## what CI runs

docs: $(READY)  ## write the pages of docs/ that are made from the code
	$(BIN)/python tools/write_docs.py
	$(BIN)/python -m tools.write_faults

site: $(READY)  ## build the documentation as a site into build/site
	$(BIN)/mkdocs build --quiet

recordings: $(READY)  ## record the demo's runs again, against real servers
	$(BIN)/python tools/fetch_servers.py --require
	$(BIN)/python tools/record_demos.py

bench: $(READY)  ## measure; prints figures and ratios
	$(BIN)/python tools/fetch_servers.py --require
	$(BIN)/python -m bench

lab: $(READY)  ## compare the path engine with the Linux kernel on 500 random networks
	$(BIN)/python tools/fetch_servers.py
	$(BIN)/python -m tests.lab --topologies 500

faults: $(READY)  ## break a whole pipeline in every known way, and fix it again
	$(BIN)/python tools/fetch_servers.py --require
	$(BIN)/python -m tests.lab.faults --all

lambda: $(INSTALLED)  ## build the zips of the Lambda function into dist/
	$(BIN)/python tools/build_lambda.py

clean:  ## remove what was built and fetched
	rm -rf $(VENV) .cache build dist *.egg-info
