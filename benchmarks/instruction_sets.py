"""A switch of vector instructions: what a processor with AVX-512 would do if it had AVX2 alone.

All that is compared has a switch of its own in the environment, which it reads when it is loaded: Numba's for our
kernels, those of PyTorch and of the libraries and the compiler that it calls, and NumPy's.
"""

import platform

AVX2 = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",  # what that name stands for, and no more
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "TORCHINDUCTOR_CPP_MARCH": "haswell",
}
STRONGER = ("MKL_CBWR",)  # decides in place of what is set above


def here() -> tuple[str, ...]:
    """The instruction sets that this processor can be asked for, its own first."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    known = tuple(name for name, feature in (("avx512", "avx512f"), ("avx2", "avx2")) if features.get(feature))
    return known or ({"aarch64": "neon", "arm64": "neon"}.get(platform.machine(), platform.machine()),)


def switched(environment: dict[str, str], name: str) -> dict[str, str]:
    """The environment of a process that uses an instruction set of `here`."""
    environment = {key: value for key, value in environment.items() if key not in {*AVX2, *STRONGER}}
    if name != "avx2":
        return environment
    return environment | AVX2 | {"NPY_DISABLE_CPU_FEATURES": " ".join(beyond_avx2())}


def beyond_avx2() -> list[str]:
    """What NumPy has loops for and finds here, and a processor with AVX2 alone has not."""
    import numpy as np

    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return [name for name in found if name.startswith("AVX512") or name == "X86_V4"]
