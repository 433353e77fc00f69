# Two commands do everything on a fresh machine with Python, git and make: `make demo` and `make test`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
CLIENTS := .venv-clients
PY := $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help demo demo-network test setup clients lint bench soak s3tests alternator docs clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/ready ## a virtual environment with Cloche and what its tests need

$(VENV)/ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check -r requirements.lock
	$(PY) -m pip install -q --disable-pip-version-check --no-deps -e .
	-$(PY) -m pip install -q --disable-pip-version-check --no-deps amazon-dax-client==2.1.0 antlr4-python3-runtime==4.13.2 # without it tests of DAX's data plane are skipped and say so
	touch $@

clients: $(CLIENTS)/ready ## the real clients that demo and tests drive: aws, sam, s3cmd

$(CLIENTS)/ready: requirements-clients.lock
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/pip install -q --disable-pip-version-check -r requirements-clients.lock
	touch $@

demo: setup clients ## a real serverless application, deployed with the real SAM CLI and exercised
	PATH="$(CURDIR)/$(CLIENTS)/bin:$$PATH" $(VENV)/bin/cloche demo

demo-network: setup ## three tiers in a VPC, one template: a load balancer, packets that die, and why
	$(VENV)/bin/cloche demo network

test: setup clients ## the whole suite
	$(PY) tools/index.py --check
	$(PY) -m tools.stubs --check
	$(PY) tools/docs.py --check
	$(PY) -m tools.protocols
	$(PY) -m tools.stubs --check
	$(VENV)/bin/ruff check src tests tools
	-$(PY) -m tools.protocols # botocore's protocol cases, from its source distribution; without them their tests are skipped and say so
	CLOCHE_CLIENTS="$(CURDIR)/$(CLIENTS)/bin" $(PY) -m pytest -n 2 --dist loadfile

lint: setup ## ruff
	$(VENV)/bin/ruff check src tests tools

docs: setup ## regenerate what is generated
	$(PY) tools/index.py
	$(PY) -m tools.stubs
	$(PY) tools/docs.py

bench: setup ## measure (see docs/benchmarks.md)
	$(PY) bench/run.py

soak: setup ## kill -9 fifty times under load, hostile requests by the thousand
	$(PY) -m pytest tests/soak -q --soak

s3tests: setup ## Ceph's s3-tests; CLOCHE_S3_TESTS names a checkout, CLOCHE_S3_TESTS_PYTHON a python with its requirements
	$(PY) tools/s3_tests.py

alternator: setup ## ScyllaDB's tests of DynamoDB's interface; CLOCHE_ALTERNATOR names a checkout of scylladb or its test/alternator; needs requests
	$(PY) tools/alternator.py

clean:
	rm -rf $(VENV) $(CLIENTS) .pytest_cache .ruff_cache .aws-sam
