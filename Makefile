# Everything happens inside this folder: the virtual environment, its download cache, temporary files.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.10 || command -v python3)
# Relative: make cannot name targets below a folder with a space in its name.
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

export PIP_CACHE_DIR := $(CURDIR)/$(VENV)/cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export XDG_CACHE_HOME := $(CURDIR)/$(VENV)/cache
export TMPDIR := $(CURDIR)/$(VENV)/tmp

.PHONY: demo test lint native gpu-check clean

demo: $(VENV)/.runtime
	@$(BIN)/sgmn demo $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict -p runtime
	$(BIN)/mypy -p models -p export -p calibration

native: $(VENV)/.dev
	cmake -S . -B build -DPython3_EXECUTABLE="$(CURDIR)/$(BIN)/python"
	cmake --build build
	ctest --test-dir build --output-on-failure

# Without a GPU this says so at once and prepares nothing.
gpu-check: $(VENV)/.dev
	@mkdir -p build/gpu-check
	@$(BIN)/sgmn gpu-check run build/gpu-check/material --prepare --out build/gpu-check/found.json $(ARGS)

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.10-3.12 found. Fix: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >&2 || { rm -rf $(VENV); \
	  echo "Cannot make a virtual environment. Fix: apt-get install python3-venv" >&2; exit 1; }
	@mkdir -p $(VENV)/tmp

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	@mkdir -p $(VENV)/tmp
	@echo "Installing into $(VENV), which takes about a minute." >&2
	@$(BIN)/python -m pip install -q -c constraints.txt -e . >&2
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@mkdir -p $(VENV)/tmp
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]' >&2
	@touch $@ $(VENV)/.runtime
