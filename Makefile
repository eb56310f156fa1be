# Everything a person does here. Nothing is needed but Python 3.13, make and git.

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
export PYTHONUNBUFFERED := 1
# Without bytecode files, each of the many processes that the tests start compiles every module that it imports.
export PYTHONDONTWRITEBYTECODE :=

# Tests run in several processes, a file in one; but for those that look at the clock, and would starve each other.
# Files run in the order of their folders: those of e2e/, which take longest and mostly wait, begin early.
define RUN_TESTS
	python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder -m "not alone"
	python -m pytest -m alone tests/e2e
endef

.DEFAULT_GOAL := help
.PHONY: help setup run token shell test races bench fuzz check format lint types template docs sbom build deploy indexes lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@PYTHON="$(PYTHON)" local/bootstrap.sh

run: setup ## Run the whole system on this machine, and print its address
	@exec python -m local

token: setup ## Print a request with a valid token, for the system that `make run` runs
	@python -m local.tokens

shell: setup ## Open a shell in which sam, python and uv are the project's
	@echo "sam, python and uv are the project's in this shell. Leave it with: exit"
	@exec "$${SHELL:-/bin/sh}"

test: setup ## Run all tests
	$(RUN_TESTS)

races: COUNT = 50
races: setup ## Run each test that races COUNT times (50), or those below TESTS
	python -m pytest --numprocesses 2 -m races --times $(COUNT) $(TESTS)

bench: setup ## Measure what a page costs with a million messages, against ten thousand
	@PYTHONPATH=layers/connector python -m bench.reading

fuzz: setup ## Try a million mutated inputs on everything that reads strangers' bytes
	@PYTHONPATH=layers/connector nice python -m tests.fuzz

check: setup lint types template ## All gates: format, lint, types, template, and the tests, which build what deploys
	$(RUN_TESTS)

format: setup ## Format the code
	ruff format .
	ruff check --fix .

lint: setup
	ruff format --check .
	ruff check .

types: setup
	mypy

template: setup
	AWS_DEFAULT_REGION=us-east-1 sam validate --lint # SAM wants a region, and asks AWS nothing

docs: setup ## Write docs/openapi.json and docs/fault-matrix.md, from the code, the frontend guide and the tests
	@PYTHONPATH=layers/connector python -m local.openapi
	@PYTHONPATH=layers/connector python -m tests.contract.fault_matrix

sbom: setup ## Write layers/connector/sbom.json, the packages that the layer ships, from the pins
	@python -m local.sbom

build: setup ## Build what deploys, into .aws-sam
	sam build

deploy: setup ## Check credentials, region and tools, then build and deploy to your AWS account
	@python -m local.deploy

indexes: setup ## Build the indexes of your database (MONGODB_URI, or the SSM parameter of STACK); see docs/deploy.md
	@PYTHONPATH=layers/connector python -m local.indexes

lock: setup ## Pin the newest versions that pyproject.toml allows, with hashes
	uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --group dev pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links -c requirements-dev.txt pyproject.toml -o layers/connector/requirements.txt
	python -m local.sbom

clean: ## Forget the local data and everything built (.venv stays)
	@[ ! -x .venv/bin/python ] || .venv/bin/python -m local.folder
	rm -rf .local .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
