# Petlens: what one does with this repository. "make" lists it.

PORT ?= 8501
DATA ?= ../shared/data/PetImages.zip
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11

VENV := .venv
BIN := $(VENV)/bin
APP := $(VENV)/app-installed
TOOLS := $(VENV)/tools-installed
PIP := $(BIN)/python -m pip install --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test soak check format train card plant evaluate protocols truth verdict bench \
    screenshots clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(APP) ## Install what is missing and serve the dashboard (PORT=8501)
	$(BIN)/python -m streamlit run dashboard/app.py --server.port $(PORT)

test: check ## Check the code, then run all tests, files side by side
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

soak: $(TOOLS) ## Run the tests that take long: each fault of a store for real
	$(BIN)/python -m pytest -m soak

check: $(TOOLS) ## Check format, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(TOOLS) ## Put the code into its format, mend simple faults
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

train: $(APP) ## Train the network on DATA, a PetImages folder or zip, into runs/petnet
	$(BIN)/python -m xaicore train --data $(DATA)

card: $(APP) ## Measure the shipped network on DATA, into runs/petnet.json
	$(BIN)/python -m xaicore card --data $(DATA)

plant: $(APP) ## Make PetNets that look at a mark on DATA, or go on where it stopped
	$(BIN)/python -m xaicore plant --data $(DATA)

evaluate: $(APP) ## Make the results that ship anew on DATA, or go on where it stopped
	$(BIN)/python -m xaicore evaluate --photos $(DATA) --split test --limit 200 --controls \
	    --mosaics 10 --title "PetNet, 200 test photos" --out assets/results
	$(BIN)/python -m xaicore evaluate --photos $(DATA) --split test --limit 20 --controls \
	    --metrics all --title "PetNet, 20 test photos, all scores" --out assets/results/further

protocols: $(APP) ## Measure how the scores follow the protocol on DATA, or go on where it stopped
	$(BIN)/python -m xaicore protocols --photos $(DATA) --split test --limit 50 --out assets/results

truth: $(APP) ## Hold maps and metrics against reasons that are known, or go on where it stopped
	$(BIN)/python -m xaicore truth --planted runs/planted --data $(DATA) --out assets/results

verdict: $(APP) ## Judge the methods by networks whose reasons are known, or go on where it stopped
	$(BIN)/python -m xaicore verdict --out assets/results

bench: $(APP) ## Measure how fast everything is here
	$(PIP) --editable '.[bench]'
	$(BIN)/python -m benchmarks

screenshots: $(TOOLS) ## Photograph every page into docs/screenshots
	$(BIN)/python -m tools.screenshots

clean: ## Remove caches and test results; the environment and runs/ are kept
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(APP): requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(TOOLS): $(APP)
	$(PIP) --editable '.[test]'
	@touch $@

# The first of PYTHON that runs and is new enough; a half-made environment is not left behind.
$(BIN)/python:
	@for python in $(PYTHON); do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    $$python -c 'import ensurepip, venv' 2>/dev/null || { lacking=$$python; continue; }; \
	    echo "Making $(VENV) with $$($$python --version)"; \
	    $$python -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); exit 1; \
	done; \
	if [ -n "$$lacking" ]; then \
	    echo "$$lacking lacks its venv module. On Debian or Ubuntu: apt install python3-venv" >&2; \
	else \
	    echo "Petlens needs Python 3.11 or newer, and none was found." \
	        "Install one, or name it: make PYTHON=/path/to/python3" >&2; \
	fi; \
	exit 1
