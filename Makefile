# Everything runs in .venv, which is made from pyproject.toml when it is missing or older.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
SNIFFDIAG ?= $(BIN)/sniffdiag

INCIDENT := pcaps/tke-rename
DEMO := analyze $(INCIDENT)/incident.pcap --services $(INCIDENT)/services.yaml --mesh istio --mesh-version 1.3.6

.PHONY: help demo test bench bench-live check format docs clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' $(MAKEFILE_LIST)

demo: $(SNIFFDIAG) ## diagnose the recorded incident of a renamed Service port
	@echo '$$ sniffdiag $(DEMO)'
	@$(SNIFFDIAG) $(DEMO); code=$$?; echo; \
	if [ $$code -eq 1 ]; then echo 'Exit code 1: there are findings, as there should be.'; \
	else echo "Exit code $$code, but this incident has findings (1)." >&2; exit 1; fi

test: $(BIN)/sniffdiag ## all tests that this machine can run; PYTEST="-k http" narrows them
	$(BIN)/python -m pytest $(PYTEST)

bench: $(BIN)/sniffdiag ## compare with ndpiReader, tshark, tcpdump and capinfos; QUICK=1 for one round
	$(BIN)/python -m tests.benchmarks.run $(if $(QUICK),--rounds 1)

bench-live: $(BIN)/sniffdiag ## capture at full speed beside tcpdump and scapy; root, namespaces and tcpreplay
	$(BIN)/python -m tests.benchmarks.live $(if $(QUICK),--rounds 1)

check: $(BIN)/sniffdiag ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(BIN)/sniffdiag ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(BIN)/sniffdiag ## write the pages that are made from the code
	$(BIN)/python -m tests.docs.generate

clean: ## remove everything that can be made again
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis build sniffdiag.egg-info

$(BIN)/sniffdiag: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m compileall -q sniffdiag
	touch $@
