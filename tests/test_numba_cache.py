"""Two processes that compile different versions of a function at the same time do not get each other's machine code.

And nobody gets that of sources that have changed.
"""

from types import SimpleNamespace

import pytest
from numba.core.caching import IndexDataCacheFile

from kernels import numba_cache
from kernels.numba_cache import behind, make_safe, stamp
from tests.helpers import ROOT
from tests.helpers.programs import python
from tests.test_house import imports

RELU, SIGMOID = ("relu", "avx2"), ("sigmoid", "avx2")


@pytest.fixture
def caches(tmp_path):
    """What two processes hold of one function's cache."""
    make_safe()
    return [IndexDataCacheFile(str(tmp_path), "loop-24", (0.0, 1)) for _ in range(2)]


def test_versions_saved_at_the_same_time_are_not_taken_for_each_other(caches, monkeypatch):
    """One looks which files there are; the other as well, and writes its index; both write; the other's code last."""
    first, second = caches
    held_back = []
    write_data, write_index = second._save_data, first._save_index

    def meanwhile(*arguments):
        second.save(SIGMOID, "code of sigmoid")
        write_index(*arguments)

    monkeypatch.setattr(second, "_save_data", lambda *arguments: held_back.append(arguments))
    monkeypatch.setattr(first, "_save_index", meanwhile)
    first.save(RELU, "code of relu")
    write_data(*held_back[0])
    for cache in caches:
        assert cache.load(RELU) == "code of relu"
        assert cache.load(SIGMOID) is None  # the other index is lost: it will be compiled again


def test_a_version_is_replaced_by_a_newer_one_of_the_same(caches):
    first, second = caches
    first.save(RELU, "old")
    second.save(RELU, "new")
    assert first.load(RELU) == "new"


def test_a_function_is_compiled_anew_when_a_file_changes_that_its_file_imports(tmp_path, monkeypatch):
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "loops.py").write_text("from kernels.inner import step\n")
    (folder / "inner.py").write_text("from kernels import constants\n")
    (folder / "constants.py").write_text("WIDTH = 8\n")
    (folder / "other.py").write_text("WIDTH = 8\n")
    monkeypatch.setattr(numba_cache, "ROOT", tmp_path)

    def seen():
        for known in (numba_cache.behind, numba_cache.imported, numba_cache.content):
            known.cache_clear()  # as in a new process
        return stamp(SimpleNamespace(_py_file=str(folder / "loops.py")))

    before = seen()
    (folder / "other.py").write_text("WIDTH = 16\n")
    assert seen() == before
    (folder / "constants.py").write_text("WIDTH = 16\n")
    assert seen() != before


def test_the_scheduler_of_the_emulator_depends_on_all_that_it_calls():
    names = {path.name for path in behind(ROOT / "kernels" / "gpu" / "emulator" / "schedule.py")}
    assert {"schedule.py", "warp.py", "order.py", "shadow.py", "raw.py", "layout.py"} <= names
    assert "cuda.py" not in {path.name for path in behind(ROOT / "kernels" / "operations" / "add" / "cpu.py")}


SAFE = "from numba.core.caching import IndexDataCacheFile as file; print(file.save.__module__)"


@pytest.mark.parametrize(
    "does",
    [
        "import kernels.cpu",
        "import kernels.gpu",
        "import kernels.gpu.emulator.schedule",
        "import kernels.operations.conv2d.cpu.loops",
        "from kernels.device import find_device; find_device()",
        "from kernels.operation import find_operation; find_operation('plain').implementation('cpu')",
    ],
)
def test_whoever_may_compile_has_a_safe_cache(does, tmp_path):
    """Numba is not loaded by `import kernels`, so each way to it sees to that; also where a file asks for no help."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "cpu.py").write_text("def forward(x, y):\n    y[...] = x\n")
    (tmp_path / "plain" / "__init__.py").write_text(
        "from kernels.operation import Operation\n"
        "operation = Operation('plain', inputs=('x',), outputs=('y',), shapes=lambda x: {'y': x})\n"
    )
    done = python("-c", f"{does}\n{SAFE}", HANDWRITTEN_OPERATIONS=tmp_path)
    assert done.stdout == "kernels.numba_cache\n", done.stderr


def modules_with_a_cache():
    """The files whose loops Numba caches, as modules."""
    files = [path.relative_to(ROOT) for path in (ROOT / "kernels").rglob("*.py") if "cache=True" in path.read_text()]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]


@pytest.mark.parametrize("module", modules_with_a_cache())
def test_a_file_whose_loops_are_cached_loads_what_makes_the_cache_safe(module):
    packages = [".".join(module.split(".")[: n + 1]) for n in range(1, module.count(".") + 1)]
    loaded = {name for package in packages for name in (package, *imports(package))}
    assert [name for name in loaded if name.startswith(("kernels.cpu", "kernels.gpu"))]


BITS = """
import numpy as np
from kernels.bench.trial import Trial
from kernels.operation import find_operation
case = {"x": (4, 9, 21, 37), "gamma": (9,), "beta": (9,)}
trial = Trial.of_shape(find_operation("batchnorm"), case, np.random.default_rng(0))
for rung in ("pieces", "whole"):
    made = trial.forward("cpu", rung=rung)
    for name, array in (made | trial.backward("cpu", made, rung=rung)).items():
        print(rung, name, array.tobytes().hex()[:4096])
from kernels.operations.conv2d.cpu.loops import sum_pixels
from kernels.operations.reduce.cpu import sum_of
db = np.empty(9, np.float32)
sum_pixels(trial.arrays["x"], db)
print(db, sum_of(trial.arrays["x"].ravel(), True).hex())
"""


def test_a_process_that_compiles_gets_the_bits_of_one_that_loads(tmp_path):
    """Sums in vectors: a function that was compiled for itself added in another order than the copy in its caller."""
    compiled, loaded = (python("-c", BITS, cwd=ROOT, NUMBA_CACHE_DIR=tmp_path) for _ in range(2))
    assert compiled.stdout == loaded.stdout != "", compiled.stderr + loaded.stderr
