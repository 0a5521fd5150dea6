# make mnist   train a network on handwritten digits with hand-written kernels, here and now
# make test    format, lint, types, and every kernel proved
# make learn   begin the course, or go on with it: exercises in my-lessons/
# make site    the course and the documents as a book of pages, into site/
# make fuzz SECONDS=600    files, texts and options that nobody would write, against all that reads them

PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin

SECONDS = 600

.PHONY: mnist test learn check site fuzz clean

mnist: $(VENV)/app
	$(BIN)/python -m apps.mnist

test: $(VENV)/test check
	$(BIN)/python -m pytest -n auto --dist worksteal

learn: $(VENV)/learn
	$(BIN)/python -m lessons start

check: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

site: $(VENV)/site
	$(BIN)/python -m lessons book

fuzz: $(VENV)/fuzz
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# A stamp a purpose: what the apps need, and what the tests need beside it.
$(VENV)/app: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/test: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

$(VENV)/learn: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[learn]"
	touch $@

$(VENV)/site: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[site]"
	touch $@

$(VENV)/fuzz: $(VENV)/test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test,fuzz]"
	touch $@

clean:
	rm -rf $(VENV) runs build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
