"""One source, several instruction sets: Numba's switch is followed, and the innermost loop stays in registers on each.

On a processor with AVX-512 the environment can ask for code without it.
"""

import json
import platform
import re

import pytest
from llvmlite import binding
from numba import float32, int64, njit

from kernels.cpu.multiply import make_tile
from kernels.cpu.registers import bits
from tests.helpers import ROOT
from tests.helpers.programs import python

AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}
IS_X86 = platform.machine() in ("x86_64", "AMD64")


def compiled(folder, **switch):
    done = python("-m", "tests.helpers.compiled", cwd=ROOT, NUMBA_CACHE_DIR=str(folder), **switch)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not IS_X86, reason="AVX2 is of x86")
def test_by_numbas_switch_results_are_right_without_avx512_and_the_cache_keeps_both_apart(tmp_path):
    usual, switched = compiled(tmp_path), compiled(tmp_path, **AVX2)
    assert switched["tile"] == [6, 16]
    assert (switched["hits"], switched["misses"]) == (0, usual["misses"])
    assert switched["zmm"] == 0
    assert min(switched["ymm"], switched["vfmadd"]) > 0
    for switch, before in (({}, usual), (AVX2, switched)):
        again = compiled(tmp_path, **switch)
        assert again["tile"] == before["tile"]
        assert again["misses"] == 0
        assert again["hits"] > 0


def target(triple, processor):
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        found = binding.Target.from_triple(triple)
    except RuntimeError as error:
        pytest.skip(f"this LLVM is without it: {error}")
    return found.create_target_machine(cpu=processor, opt=3)


def assembly(function, machine):
    """A Numba function compiled for another processor, from the LLVM code that Numba makes and optimises here."""
    (text,) = function.inspect_llvm().values()
    text = re.sub(r"^target (triple|datalayout) = .*$", "", text, flags=re.MULTILINE)
    module = binding.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    return machine.emit_assembly(module)


def loops(text, multiply_add):
    """The lines of those loops of a function that multiply and are one block, which ends in a jump to its own label."""
    found = []
    for block in re.split(r"^(?=\.L\w+:)", text, flags=re.MULTILINE):
        label = re.escape(block.partition(":")[0])
        loop = re.match(rf".*?\t(j|b\.|cbn?z\t)[^\n]*{label}$", block, re.MULTILINE | re.DOTALL)
        if loop and re.search(multiply_add, loop[0]):
            found.append(loop[0].splitlines())
    assert found
    return found


X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-linux-gnu"
CALL_OR_VECTOR_ON_THE_STACK = r"\tcall|\tblr?\t|[xyz]mm.*\(%r[sb]p\)|\(%r[sb]p\).*[xyz]mm|\t(st|ld)[rp]\tq.*\[sp"


@pytest.mark.parametrize(
    ("triple", "processor", "width", "tile", "multiply_add"),
    [
        (X86, "x86-64-v4", 512, (10, 32), r"\tvfmadd\w+\t.*%zmm"),
        (X86, "haswell", 256, (6, 16), r"\tvfmadd\w+\t.*%ymm"),
        (ARM, "neoverse-n1", 128, (6, 16), r"\tfmla\tv\d+\.4s"),
    ],
)
def test_the_innermost_loop_is_multiply_adds_whose_sums_stay_in_registers(triple, processor, width, tile, multiply_add):
    machine = target(triple, processor)
    assert bits(machine) == width
    height, lanes = tile
    multiply = make_tile(height, lanes)

    @njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)  # which would count references as x86 does
    def product(out, a, rows, v, terms, step):
        multiply(out, 0, a, rows, 0, v, 0, terms, 0, len(terms) // 3, step)

    floats, integers = float32[::1], int64[::1]
    product.compile((floats, floats, integers, floats, integers, int64))
    for loop in loops(assembly(product, machine), multiply_add):
        times, rest = divmod(sum(bool(re.match(multiply_add, line)) for line in loop), height * lanes * 32 // width)
        assert times >= 1, loop
        assert rest == 0, loop
        assert not [line for line in loop if re.search(CALL_OR_VECTOR_ON_THE_STACK, line)]
