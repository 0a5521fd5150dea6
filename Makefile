# make mnist   train a network on handwritten digits with hand-written kernels, here and now
# make test    format, lint, types, and every kernel proved

PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin

.PHONY: mnist test check clean

mnist: $(VENV)/app
	$(BIN)/python -m apps.mnist

test: $(VENV)/test check
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# A stamp a purpose: what the apps need, and what the tests need beside it.
$(VENV)/app: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/test: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) runs build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
