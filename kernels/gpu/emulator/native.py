"""LLVM text made machine code of this processor."""

from typing import Any

import llvmlite.binding as llvm

LEVEL = 2  # of LLVM's optimisation


class NativeError(RuntimeError):
    """LLVM refuses what was translated: a fault of the translation, not of the PTX."""


def machine() -> Any:
    """What code is made for: this processor with all it can do. One for each use: an engine keeps its own."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=LEVEL, jit=True)


def processor() -> str:
    """What machine code depends on beside the text."""
    version = ".".join(map(str, llvm.llvm_version_info))
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()} {version}"


def compiled(text: str) -> bytes:
    """Machine code of a module of LLVM, as an object file. Raises NativeError."""
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise NativeError(str(error)) from error
    target = machine()
    module.triple = llvm.get_process_triple()
    module.data_layout = str(target.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=LEVEL)
    options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
    return target.emit_object(module)


class Code:
    """Machine code in memory; `address(name)` of its functions is good as long as this object lives."""

    def __init__(self, data: bytes):
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        return self._engine.get_function_address(name)
