# `make demo` and `make test` set up all they need on a machine with Python 3.11 or newer.
# Python compiles what it imports; the rest of a large environment is left as it is. What is compiled
# is kept, whatever the variable says outside: else each of many processes compiles all of it again.
export PYTHONDONTWRITEBYTECODE :=
PIP_INSTALL := pip install --quiet --no-compile --editable
PYTHON ?= python3
DEMO := build/demo
DEMO_VENV := build/demo-venv
TEST_VENV := .venv
BENCH_VENV := build/bench-venv

PYTHON_IS_NEW := import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	"scorecast needs Python 3.11 or newer; run: make PYTHON=python3.11 ...")

# Two processes, each with whole files in the order of their names, so that long ones begin early.
BY_TWO := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test faults lint bench bench-quick clean

demo: $(DEMO_VENV)/.installed $(DEMO)/model/MLmodel
	JAVA_HOME="$$($(DEMO_VENV)/bin/scorecast java-home)" && export JAVA_HOME && \
	PATH="$(abspath $(DEMO_VENV))/bin:$$PATH" SPARK_CONF_DIR=conf \
	spark-submit jobs/batch_predict.py --model-uri $(DEMO)/model \
		--input $(DEMO)/flights.parquet --output $(DEMO)/predictions.parquet --mode overwrite
	@echo
	@$(DEMO_VENV)/bin/python jobs/demo_flights.py check $(DEMO)

$(DEMO)/model/MLmodel: $(DEMO_VENV)/.installed jobs/demo_flights.py
	rm -rf $(DEMO)
	$(DEMO_VENV)/bin/python jobs/demo_flights.py prepare $(DEMO)

$(DEMO_VENV)/.installed: pyproject.toml
	@$(PYTHON) -c '$(PYTHON_IS_NEW)'
	$(PYTHON) -m venv --clear $(DEMO_VENV)
	$(DEMO_VENV)/bin/$(PIP_INSTALL) ".[sklearn,demo]"
	$(DEMO_VENV)/bin/scorecast java-home >/dev/null 2>&1 || \
		$(DEMO_VENV)/bin/$(PIP_INSTALL) ".[java]"
	touch $@

test: $(TEST_VENV)/.installed $(TEST_VENV)/classes.jsa
	$(TEST_VENV)/bin/python -m pytest tests $(BY_TWO)

# The long version of tests/faults; two to three hours.
faults: $(TEST_VENV)/.installed
	$(TEST_VENV)/bin/python tests/faults/long.py --all
	ERROR_PATTERNS=200 $(TEST_VENV)/bin/python -m pytest -k any_pattern \
		tests/spark/job/test_quarantine.py

lint: $(TEST_VENV)/.installed
	$(TEST_VENV)/bin/ruff format --check .
	$(TEST_VENV)/bin/ruff check .
	$(TEST_VENV)/bin/mypy
	$(TEST_VENV)/bin/lint-imports

$(TEST_VENV)/.installed: pyproject.toml
	@$(PYTHON) -c '$(PYTHON_IS_NEW)'
	$(PYTHON) -m venv --clear $(TEST_VENV)
	$(TEST_VENV)/bin/$(PIP_INSTALL) ".[dev]"
	touch $@

# Not every JVM can write one, and the tests only take longer without.
$(TEST_VENV)/classes.jsa: $(TEST_VENV)/.installed tests/class_archive.py tests/jvm.py
	-$(TEST_VENV)/bin/python tests/class_archive.py $@

# Compiled, since what Python compiles at the first import would be measured.
# Options go into BENCH: `make bench BENCH="--only job20,flights --rows 4e6"`; `--help` lists them.
bench: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python -m benchmarks.bench --readme $(BENCH)

# Little data: fails where a benchmark is broken, never because a machine is slow.
bench-quick: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python -m benchmarks.bench --quick $(BENCH)

$(BENCH_VENV)/.installed: pyproject.toml
	@$(PYTHON) -c '$(PYTHON_IS_NEW)'
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --editable ".[bench]"
	$(BENCH_VENV)/bin/scorecast java-home >/dev/null 2>&1 || \
		$(BENCH_VENV)/bin/pip install --quiet --editable ".[java]"
	touch $@

clean:
	rm -rf build .venv
