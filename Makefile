# Needs Python >= 3.11 and make, nothing else: no Redis, no root. Every target makes the environment that it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Which tests to run, and how many processes run them: make test TESTS=tests/scripts WORKERS=0
TESTS   ?= tests
WORKERS ?= 2
# How many texts each target of `make fuzz` is given.
EXAMPLES ?= 10000

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check format reference bench chaos chaos-peers soak clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.user ## Run real jobs on real files, on a server of its own, and check every result
	@$(BIN)/jobqueue demo

test: $(VENV)/.dev ## Run the tests, on every server that is there
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal $(TESTS)

fuzz: $(VENV)/.dev ## Read hostile texts with all that reads them, for some minutes: make fuzz EXAMPLES=50000
	@JOBQUEUE_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q -n $(WORKERS) --timeout 0 tests/security/test_fuzz.py

check: $(VENV)/.dev ## Check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict jobqueue examples

format: $(VENV)/.dev ## Mend style and formatting, where that can be done without thinking
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

reference: $(VENV)/.dev ## Make docs/cli-reference.md of the commands
	@$(BIN)/python tests/docs/reference.py > docs/cli-reference.md

# Peers are installed below build/bench. CASE='drain lone' ROUNDS=3 JOBS=20000, and OPTIONS='--only jobqueue,bullmq', say what to run.
bench: $(VENV)/.dev ## Measure this job queue and others on the same server; needs redis-server, and node for one of them
	@$(BIN)/python benchmarks $(CASE) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JOBS),--jobs $(JOBS)) $(if $(REPORT),--report $(REPORT)) $(OPTIONS)

chaos: $(VENV)/.dev ## Try every fault, for twenty minutes: make chaos SEED=7 SCALE=0.1 REPORT=table.md
	@$(BIN)/pip install --quiet --disable-pip-version-check --group chaos
	@PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) $(if $(SCALE),--scale $(SCALE)) $(if $(REPORT),--report $(REPORT))

# The peers are installed below build/peers. JOBS=300 SEED=7, and OPTIONS='--peer rq --fault kill', say what to run.
chaos-peers: $(VENV)/.dev ## Put other job queues, and this one, through the same faults; needs redis-server, and node for one
	@PYTHONPATH=tests:benchmarks $(BIN)/python -m chaos.peers --jobs $(or $(JOBS),300) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(REPORT)) $(OPTIONS)

soak: $(VENV)/.dev ## Have a worker live through half an hour of faults, and look at what it uses: make soak MINUTES=5
	@PYTHONPATH=tests $(BIN)/python -m chaos.soak $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(REPORT),--report $(REPORT))

clean: ## Remove the environment and what tools have cached
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "jobqueue needs Python >= 3.11; this is " + sys.version.split()[0] + ". Say which one to use: make PYTHON=python3.12 ...")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "the venv module is missing; on Debian: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.user: $(VENV)/.made pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fast,embedded]'
	@touch $@

# An older pip does not know dependency groups.
$(VENV)/.dev: $(VENV)/.user pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet --disable-pip-version-check --group dev
	@touch $@
