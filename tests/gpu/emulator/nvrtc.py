"""CUDA C++ made PTX by NVIDIA's own compiler, which needs no GPU."""

from functools import cache
from pathlib import Path

import pytest

nvrtc = pytest.importorskip("cuda.bindings.nvrtc")


def includes() -> list[str]:
    """Folders of the headers that come with the CUDA wheels; empty where there are none."""
    nvidia = pytest.importorskip("nvidia")
    folders = [path / "cu13" / "include" for path in map(Path, nvidia.__path__)]
    found = [folder for folder in folders if (folder / "cuda_fp16.h").exists()]
    return [str(path) for folder in found for path in (folder, folder / "cccl")]


@cache
def ptx(source: str, architecture: str = "sm_80", *options: str) -> str:
    """The PTX of a program. Skips the test where NVRTC or headers that it includes are missing."""
    folders = includes()
    if "#include" in source and not folders:
        pytest.skip("the CUDA headers are not installed")
    try:
        program = checked(nvrtc.nvrtcCreateProgram(source.encode(), b"kernel.cu", 0, [], []))
    except RuntimeError as error:  # the bindings are there, the library is not
        pytest.skip(str(error))
    given = [f"--gpu-architecture={architecture.replace('sm', 'compute')}", "--std=c++17", "-default-device", *options]
    given += [f"--include-path={folder}" for folder in folders]
    (status,) = nvrtc.nvrtcCompileProgram(program, len(given), [option.encode() for option in given])
    if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        log = b" " * checked(nvrtc.nvrtcGetProgramLogSize(program))
        nvrtc.nvrtcGetProgramLog(program, log)
        raise AssertionError(log.decode())
    text = b" " * checked(nvrtc.nvrtcGetPTXSize(program))
    checked(nvrtc.nvrtcGetPTX(program, text))
    nvrtc.nvrtcDestroyProgram(program)
    return text.rstrip(b"\0 ").decode()


def checked(answer):
    status, *values = answer
    assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, status
    return values[0] if values else None
