PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run demo test check format clean peers lock soak bench conformance

# The stamp makes a second call cost nothing; a changed lock or pyproject.toml sets up again.
.venv/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

setup: .venv/.ready

run: setup
	$(BIN)/dicom-gateway init gateway-data
	$(BIN)/dicom-gateway --config gateway-data/gateway.toml serve

# A day at two practices over real sockets, half a minute.
demo: setup
	$(BIN)/dicom-gateway demo

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# dcmjs-dimse, an independent device, and node-hl7-client, an independent practice system, for the tests (needs npm).
peers:
	cd conformance/dcmjs && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd conformance/nodehl7 && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

# The full numbers of the fault tests; hours. Writes the table of docs/reliability.md.
soak: setup
	$(BIN)/python -m tests.faults.soak

# Side by side with DCMTK and Orthanc; ten minutes. Writes the tables of docs/performance.md.
bench: setup
	$(BIN)/python -m benchmarks

# Against software that others wrote; writes conformance/results.md.
conformance: setup
	$(BIN)/python -m conformance

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# Writes requirements.lock anew (needs uv).
lock:
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
	  --extra dev pyproject.toml --output-file requirements.lock
