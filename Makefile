# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := var/demo
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

.PHONY: help setup demo demo-clean test test-vllm test-quick check image format lock services services-down clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s%s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib ocr_pipeline workers migrations || true
	touch $@

setup: $(STAMP) ## Make .venv with everything, and fetch what Python packages do not bring
	tools/setup.sh

demo: setup ## Recognise the sample documents with the embedded defaults, end to end
	$(BIN)/python tools/demo.py $(DEMO)

demo-clean: ## Forget the demo's data and output
	rm -rf $(DEMO)

services: setup ## Start a private RabbitMQ, PostgreSQL and S3 server on free loopback ports
	tools/setup.sh services
	$(BIN)/python tools/services.py up

services-down: ## Stop them
	$(BIN)/python tools/services.py down

test: setup ## Set up the real services and run every test
	tools/setup.sh services
	tools/test.sh

test-vllm: setup ## Install vLLM's CPU build once, and test on real model servers
	tools/setup.sh services
	tools/vllm_setup.sh
	tools/test_vllm.sh

test-quick: setup ## Unit and property tests alone
	$(BIN)/pytest -q tests/unit tests/properties

check: setup ## Lint, format, strict types, import contracts, dashboards, everything under deploy/
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/dashboards.py --check
	$(BIN)/python tools/validate_deploy.py

image: setup ## Build the worker's image from a Debian base, and let it read a page (root, buildah, podman)
	tools/image_build_check.sh

format: setup ## Format, and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## Renew the lock files from pyproject.toml
	$(COMPILE) --group dev pyproject.toml -o requirements.lock
	$(COMPILE) -c requirements.lock pyproject.toml -o requirements-runtime.lock
	echo 'hatchling>=1.27' | $(COMPILE) --python-version 3.11 - -o deploy/docker/requirements-build.lock

clean: services-down ## Remove what was built and started here
	rm -rf $(VENV) .runtime $(DEMO) .mypy_cache .ruff_cache .pytest_cache .hypothesis
