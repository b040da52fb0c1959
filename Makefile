# One word a task. `make run` shows the product, `make test` proves it; both need nothing but Python 3.11 and this folder.
PYTHON ?= python3
ISSUE ?= house
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test check bench mutants shown faults faults-long faults-nodes faults-memory faults-retention gallery lock docs clean run-environment dev-environment

help: ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: run-environment ## the demo: a desk with sample consultants, on this machine only
	@exec $(BIN)/ventanilla demo

check: dev-environment ## format, lint, types, import arrows, quick tests
	$(BIN)/ruff format --check --quiet || { echo "not formatted: run .venv/bin/ruff format"; exit 1; }
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/rules tests/project

test: dev-environment ## every floor of the tests, quick ones first
	@$(PYTHON) -m tools.system_packages
	@$(BIN)/python -m tools.test_floors

bench: dev-environment ## mails answered a second and CPU a stage, beside a bare sink and Postfix
	@$(PYTHON) -m tools.system_packages
	@$(BIN)/python -m benchmarks.bench

mutants: dev-environment ## each guarantee broken on purpose, then mutations of desk/rules
	@$(PYTHON) -m tools.system_packages
	$(BIN)/python -m pytest tests/mutants
	$(BIN)/mutmut run

faults: dev-environment ## kill -9 before and after every commit and socket write; long
	@$(PYTHON) -m tools.system_packages
	$(BIN)/python -m pytest tests/faults
	@$(BIN)/python -m tests.faults.kill

faults-long: dev-environment ## 160 seeded plans of faults on real nodes under load, both engines; half an hour
	@$(PYTHON) -m tools.system_packages
	@$(BIN)/python -m tests.faults.plans

faults-nodes: dev-environment ## two nodes on one PostgreSQL, killed again and again under 5,000 mails; long
	@$(PYTHON) -m tools.system_packages
	@$(BIN)/python -m tests.faults.two_nodes

faults-retention: dev-environment ## the SQLite file of 10,000 mails before and after retention; minutes
	@$(BIN)/python -m tests.stories.retention_10000

faults-memory: dev-environment ## a hundred mails of 25 MiB at once, within 512 MiB; long
	@$(PYTHON) -m tools.system_packages
	$(BIN)/python -m pytest tests/faults/test_memory.py -m long

shown: dev-environment ## each "Done when" line of ISSUE=house with the test that shows it
	@$(PYTHON) -m tools.system_packages
	@$(BIN)/python -m tools.shown $(ISSUE)

gallery: dev-environment ## every mail and page, in every language and case, in one document to read
	@$(BIN)/python -m tools.gallery

docs: dev-environment ## write the pages that are generated from the code
	@$(BIN)/python -m tools.settings_reference

lock: dev-environment ## choose versions anew and write the lock files
	@$(BIN)/python -m tools.lock

clean: ## remove what the tasks made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache mutants dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-environment:
	@$(PYTHON) -m tools.set_up run

dev-environment:
	@$(PYTHON) -m tools.set_up dev
