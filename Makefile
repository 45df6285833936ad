# Two commands on a fresh machine: `make demo` and `make test`.
# TORCH is what pip installs for torch first, e.g. TORCH=torch==2.13.0 for one build.
PYTHON ?= python3
TORCH ?= torch
VENV ?= .venv
# Tests that run at once, one thread each. Those that start a Ray cluster are one group; xdist 3.8
# knows no groups under pytest 9.2, where they run on both.
TEST_PROCESSES ?= 2
BIN := $(VENV)/bin
# Read by tests as they lie in their archives; never installed.
ORACLES := basicsr==1.4.2 lpips==0.1.4
# Installed beside the environment; tests/evaluation alone import it.
SCIKIT_IMAGE := scikit-image==0.26.0 lazy_loader==0.6
STAMP := $(VENV)/.pairgen-env
# The site's tools alone: neither torch nor pairgen is installed there.
DOCS_VENV ?= .venv-docs
DOCS_BIN := $(DOCS_VENV)/bin
DOCS_STAMP := $(DOCS_VENV)/.pairgen-docs

.PHONY: demo test test-fast lint format options docs env clean

demo: env
	$(BIN)/pairgen demo --out demo

test: env
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup

# What takes seconds and needs no Ray cluster: six minutes on two cores.
test-fast: env
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup \
		-m "not slow and not ray"

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The files that are made of the declared options: schemas, the type stub, docs/options.md.
options: env
	$(BIN)/python -m pairgen.declarations

# The documentation as a site: open site/index.html.
docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(DOCS_BIN)/mkdocs build --strict --clean

$(DOCS_STAMP): pyproject.toml
	test -x $(DOCS_BIN)/python || $(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' > $(DOCS_VENV)/requirements.txt
	$(DOCS_BIN)/python -m pip install -q -r $(DOCS_VENV)/requirements.txt
	touch $(DOCS_STAMP)

env: $(STAMP)

# torch comes first and alone, so that nothing else chooses its build.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "$(TORCH)"
	$(BIN)/python -m pip install -q -e ".[ray,train,test,dev]"
	$(BIN)/python -m pip download -q --no-deps --no-build-isolation --no-binary :all: \
		-d $(VENV)/oracle $(ORACLES) || echo "No $(ORACLES): the parity tests that need it are skipped."
	$(BIN)/python -m pip install -q --no-deps --upgrade --target $(VENV)/oracle/scikit-image \
		$(SCIKIT_IMAGE) || echo "No $(SCIKIT_IMAGE): the parity tests that need it are skipped."
	touch $(STAMP)

clean:
	rm -rf $(VENV) $(DOCS_VENV) demo site build dist .pytest_cache .ruff_cache .mypy_cache
