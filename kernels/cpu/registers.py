"""How wide the vector registers are that Numba's code uses.

Numba generates code for the processor that it runs on, unless the environment names another one, as
NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES= does: a processor with AVX2 and without AVX-512. (Of a name alone Numba takes
the tuning; the features it still takes from the processor that is here.) What a name stands for only LLVM knows, so it
is asked: it compiles a sum of vectors, and the code says by which registers.
"""

from llvmlite import binding
from numba.core import codegen, config

SUM = """
define <16 x float> @sum(<16 x float> %a, <16 x float> %b) {
  %c = fadd <16 x float> %a, %b
  ret <16 x float> %c
}
"""


def machine():
    """LLVM's description of the processor that Numba generates code for."""
    codegen.initialize_llvm()
    features = codegen.get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
    name = config.CPU_NAME or binding.get_host_cpu_name()
    return binding.Target.from_default_triple().create_target_machine(cpu=name, features=features)


def bits(processor) -> int:
    """512 with AVX-512, 256 with AVX2, 128 with NEON and with SSE."""
    text = processor.emit_assembly(binding.parse_assembly(SUM))
    return 512 if "%zmm" in text else 256 if "%ymm" in text else 128
