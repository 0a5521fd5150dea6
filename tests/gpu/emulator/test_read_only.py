"""Arrays that are read-only: whoever executes a kernel refuses to write them, in the same words."""

import numpy as np
import pytest

from kernels.gpu import cuda, float32, kernel
from kernels.gpu.emulator import EmulatorError, load, load_checked
from kernels.gpu.interpreter import ReadOnly
from tests.gpu.emulator.written import kernel as ptx


@kernel
def doubles(x, y, *, ATOMIC=False):
    """The second half of y."""
    i = cuda.grid(1)
    if i >= 2:
        if ATOMIC:
            cuda.atomic.add(y, i, float32(2) * x[i])
        else:
            y[i] = float32(2) * x[i]


def sealed(array):
    array.flags.writeable = False
    return array


def x():
    return np.arange(1, 5, dtype=np.float32)


HOW = {
    "interpreted": lambda launch: launch.interpret(checked=False),
    "interpreted, checked": lambda launch: launch.interpret(),
    "emulated": lambda launch: launch.emulate(),
    "emulated, checked": lambda launch: launch.emulate(checked=True),
    "emulated again": lambda launch: launch.emulated()(),
}


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("how", HOW)
def test_what_is_read_only_is_not_written(how, atomic):
    y = sealed(np.zeros(4, np.float32))
    with pytest.raises((ReadOnly, EmulatorError), match=r"^doubles.*: writes y\[2\], but y is read-only") as caught:
        HOW[how](doubles(ATOMIC=atomic)[1, 4](x(), y))
    assert "\n" not in str(caught.value)
    assert not y.any()


@pytest.mark.parametrize("how", HOW)
def test_what_is_read_only_is_read(how):
    y = np.zeros(4, np.float32)
    HOW[how](doubles[1, 4](sealed(x()), y))
    assert y.tolist() == [0, 0, 6, 8]


@pytest.mark.parametrize("how", [how for how in HOW if how.startswith("emulated")])
def test_memory_that_is_also_given_to_be_written_may_be(how):
    y = x()
    HOW[how](doubles[1, 4](sealed(y[:]), y))
    assert y.tolist() == [1, 2, 6, 8]


def test_a_file_that_is_mapped_is_not_written(tmp_path):
    """Its memory may not be written by anybody: a store would end the process."""
    np.save(tmp_path / "y.npy", np.zeros(4, np.float32))
    y = np.load(tmp_path / "y.npy", mmap_mode="r")
    for how in HOW.values():
        with pytest.raises((ReadOnly, EmulatorError), match=r"writes y\[2\], but y is read-only"):
            how(doubles[1, 4](x(), y))


STORE = ptx("st.global.f32 [%rd1+28], 0f3F800000;\nld.global.f32 %f1, [%rd0+4];\nst.global.f32 [%rd2], %f1;", 3)


@pytest.mark.parametrize(("how", "kind"), [(load, EmulatorError), (load_checked, ReadOnly)])
def test_of_any_ptx_the_parameter_is_named(how, kind):
    read, written, out = sealed(x()), np.zeros((3, 4), np.float32), np.zeros(1, np.float32)
    how(STORE).run((1, 1, 1), (1, 1, 1), [read, written, out])
    assert (written[1, 3], out[0]) == (1, 2)
    with pytest.raises(kind, match=r"^k: .*writes p1\[1, 3\], but p1 is read-only"):
        how(STORE).run((1, 1, 1), (1, 1, 1), [read, sealed(np.zeros((3, 4), np.float32)), out])


def test_a_copy_is_as_aligned_as_the_array():
    """Each thread writes the address of its array, of which the low bits remain what they are."""
    text = ptx("cvt.u64.u32 %rd5, 255;\nand.b64 %rd5, %rd5, %rd0;\nst.global.u64 [%rd1], %rd5;", 2)
    whole, found = np.zeros(64, np.float32), np.zeros(1, np.uint64)
    for first in range(8):
        part = sealed(whole[first : first + 8])
        load(text).run((1, 1, 1), (1, 1, 1), [part, found])
        assert found[0] == part.ctypes.data % 256
