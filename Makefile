# Each target installs what it needs into .venv first; nothing outside it but a C++ compiler, make
# and perl is used.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := fpga golden host hw rtl_sim

export AMARANTH_USE_YOSYS := builtin

.PHONY: demo test lint bench clean

demo: $(VENV)/installed
	$(BIN)/offramp demo -o out/demo

test: lint
	$(BIN)/pytest -n 2 --dist worksteal

lint: $(VENV)/installed build/mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p offramp.golden -p offramp.host -p offramp.fpga -p offramp.rtl_sim

# about three hours on two cores, placement for the boards two of them. DATA=folder: the published data sets, for all networks of the zoo
bench: $(VENV)/installed
	$(BIN)/offramp bench emulator
	$(BIN)/offramp bench golden $(or $(DATA:%=--data-dir %),zoo:digits)
	$(BIN)/offramp bench link $(DATA:%=--data-dir %)
	$(BIN)/offramp bench policies $(or $(DATA:%=--data-dir %),zoo:digits)
	$(BIN)/offramp bench programs
	$(BIN)/offramp bench accelerator-random
	$(BIN)/offramp bench accelerator-random --engine 16 --count 20 --gates
	$(BIN)/offramp bench mutation
	$(BIN)/offramp bench coverage
	$(BIN)/offramp bench boards
	$(BIN)/offramp bench buses
	$(BIN)/offramp bench formal
	$(BIN)/offramp bench vectors
	$(BIN)/offramp bench decision $(DATA:%=--data-dir %)

# mypy finds the packages under their import names
build/mypy: Makefile
	mkdir -p build/mypy/offramp
	for package in $(PACKAGES); do ln -sfn ../../../$$package build/mypy/offramp/$$package; done
	touch $@

# torch first and pinned: a range would take a build with several gigabytes of CUDA
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .[dev]
	touch $@

clean:
	rm -rf $(VENV) build dist out
