"""The house keeps its order: what may import what, without circles, and how long a file or a function may be."""

import ast
from functools import cache
from graphlib import TopologicalSorter

import pytest

from tests.helpers import ROOT

FILES = sorted(path for folder in ("kernels", "framework", "apps", "lessons") for path in (ROOT / folder).rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}

# From the ground up: a room may import from those below it and from itself.
ROOMS = (
    ("kernels.operation", "kernels.table"),
    ("kernels.gpu", "kernels.cpu"),
    ("kernels.operations",),
    ("kernels.device",),
    ("kernels.bench",),
    ("kernels.commands", "kernels.__main__", "kernels.pytest", "kernels.notebook"),
    ("framework",),
    ("apps",),
    ("lessons",),
)

# What everybody may use although it stands higher up: files are no business of a command alone.
SHARED = ("kernels.files", "kernels.commands.command_line")


def storey(module: str) -> int:
    found = [n for n, rooms in enumerate(ROOMS) if any(f"{module}.".startswith(f"{room}.") for room in rooms)]
    return found[-1] if found else 0  # the package kernels itself


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of this project that a module imports, wherever in its file; for a package its __init__."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in MODULES else node.module for name in names}
    return frozenset(found & MODULES.keys())


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    above = {name for name in imports(module) if storey(name) > storey(module) and name not in SHARED}
    assert not above, f"{module} imports {', '.join(sorted(above))}"


def test_no_imports_run_in_a_circle():
    order = TopologicalSorter({module: imports(module) - {module} for module in MODULES})
    assert len(list(order.static_order())) == len(MODULES)  # raises CycleError, which names the circle


@pytest.mark.parametrize("module", [name for name in MODULES if storey(name) >= storey("framework")])
def test_framework_and_apps_import_no_operation_by_path(module):
    assert not [name for name in imports(module) if name.startswith("kernels.operations.") and name not in LABELS]


LABELS = ("kernels.operations.labels",)  # no operation, but the codes that several of them share


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_over_400_lines_and_no_function_over_60(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"


INTERPRETER = {name: path for name, path in MODULES.items() if name.startswith("kernels.gpu.interpreter.")}

# Who may import of Numba, and of it what: nobody the compiler for CUDA but asked.py, which others come to in one place.
ASKS_NUMBA = {
    "kernels.gpu.interpreter.typing_table": ("numba",),
    "kernels.gpu.interpreter.typing_rules": ("numba", "numba.core", "numba.np"),
    "kernels.gpu.interpreter.asked": ("numba", "numba.core", "numba.cuda", "numba_cuda"),
}


@pytest.mark.parametrize("module", INTERPRETER)
def test_the_interpreter_asks_numba_in_one_place(module):
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    packages = {".".join(name.split(".")[:2]) for name in found if name.partition(".")[0] in ("numba", "numba_cuda")}
    assert packages <= set(ASKS_NUMBA.get(module, ())), f"{module} imports {', '.join(sorted(packages))}"
    if "kernels.gpu.interpreter.asked" in imports(module):
        assert module == "kernels.gpu.interpreter.typing_rules"
