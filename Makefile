# make run    the demo field, from simulated survey images to catalogue and report
# make test   the quick tests, and a small field from end to end
# make lint   the style checks of CI
# make test-all   the slow tests: reruns, frozen models, the published arm, the naming page in a
#                 browser, real data, faults, and a Slurm cluster of one node, started for the test
# make pretrain   train the bundled encoder again
# make adapt FIELD=demo   teach the encoder a field's galaxies, and say whether it was of use; of a
#                 field of your own: make adapt FIELD=mine CONFIG=my.yaml
# make compare    compare the published method with the default, step by step, on the demo field
# make compare-names FIRST=a.yaml SECOND=b.yaml   compare the group names that two people chose
# make package-model FIELD=demo   pack a field's model into one archive, for use elsewhere
# make docs   the documentation site, docs/_build/html; its packages go into an environment of their own, .venv-docs
# make lock   pin the dependencies again (needs uv)
.PHONY: run test test-first test-second test-run test-all test-slow test-slurm lint pretrain adapt compare compare-names package-model docs lock
PYTHON ?= python3
CORES ?= all
BIN := .venv/bin

run: .venv/run.stamp
	$(BIN)/snakemake --cores $(CORES)

# Three processes, so that two cores are never idle; each prints its own result when it ends. What all
# of them measure with is compiled before they start.
test: .venv/dev.stamp
	PYTHONPATH=scripts $(BIN)/python -c "from morphovote.measure.sections import warm_up; warm_up()"
	$(MAKE) --jobs=3 --output-sync=target test-run test-first test-second

# One thread each: more of them only wait for each other.
test-first test-second: export OMP_NUM_THREADS := 1

test-first: .venv/dev.stamp
	$(BIN)/pytest -m "not slow" tests/unit/test_*.py tests/unit/[a-f]*/

test-second: .venv/dev.stamp
	$(BIN)/pytest -m "not slow" tests/unit/[g-z]*/

test-run: .venv/dev.stamp
	$(BIN)/pytest -m "not slow" tests/workflow

# Side by side, because each alone leaves a third of two cores idle.
test-all: .venv/dev.stamp
	$(MAKE) --jobs=2 test-slow test-slurm

test-slow: .venv/dev.stamp
	$(BIN)/pytest -m slow

test-slurm: .venv/dev.stamp
	$(BIN)/pytest tests/slurm

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

pretrain: .venv/run.stamp
	$(BIN)/snakemake --cores $(CORES) --snakefile workflow/rules/pretrain.smk --configfile config/pretrain.yaml

adapt: .venv/run.stamp
	$(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG) --replace-workflow-config) results/$(FIELD)/adapted/comparison.csv

compare: run
	$(BIN)/python benchmarks/compare.py

compare-names: .venv/run.stamp
	$(BIN)/python scripts/compare_names.py $(FIRST) $(SECOND) names_compared.csv

package-model: .venv/run.stamp
	$(BIN)/snakemake --cores $(CORES) results/$(FIELD)/model.zip

docs: .venv-docs/docs.stamp
	.venv-docs/bin/sphinx-build --fail-on-warning --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html in a browser."

# An environment counts as built only when its stamp is there and newer than its lock file.
.venv/run.stamp: requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "morphovote needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + ": make run PYTHON=/path/to/python3")'
	$(PYTHON) -m venv .venv
	@echo "Installing the pinned packages into .venv: 7 GB on Linux, where PyTorch brings CUDA with or without a GPU; this takes a few minutes."
	$(BIN)/pip install --require-hashes -r requirements/run.txt
	touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	$(BIN)/pip install --require-hashes -r requirements/dev.txt
	touch $@

.venv-docs/docs.stamp: requirements/docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --require-hashes -r requirements/docs.txt
	touch $@

lock:
	cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate run.in -o run.txt
	cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate dev.in -o dev.txt
	cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate docs.in -o docs.txt
