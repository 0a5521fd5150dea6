"""PTX, translated to LLVM. tests/gpu/emulator/test_spoilt_ptx.py changes it token by token, and runs LLVM as well."""

from tests.fuzz.target import Target, instrumented

PYTHON_ALONE = (
    "parser",
    "tokens",
    "syntax",
    "translate",
    "emitter",
    "flow",
    "inline",
    "loops",
    "places",
    "instructions",
)
with instrumented(*(f"kernels.gpu.emulator.{name}" for name in PYTHON_ALONE)):
    from kernels.gpu.emulator.errors import PtxError
    from kernels.gpu.emulator.parser import parse
    from kernels.gpu.emulator.translate import translate


def seeds():
    from tests.gpu.emulator.test_spoilt_ptx import TEXT  # here, because it imports what is to be instrumented

    yield TEXT.encode()
    head, _, body = TEXT.partition("{\n .reg .pred")
    yield (head + "{\n ret;\n}\n").encode()
    lines = body.splitlines()
    for at in range(0, len(lines), 12):  # shorter ones, which cost less
        declared = "\n".join(line for line in lines if line.lstrip().startswith((".reg", ".shared", ".local")))
        yield f"{head}{{\n{declared}\n{chr(10).join(lines[at : at + 12])}\n ret;\n}}\n".encode()


def attempt(data, folder):
    module = parse(data.decode("utf-8", "replace"))
    for function in module.functions.values():
        if function.entry and function.body is not None:
            translate(function, module, watched=True, counted=True)


WORDS = (
    *(b".visible .entry k(", b"@%p1 bra $end;", b".reg .b32 %r<", b".param .u64 ", b".align 99999999999 "),
    *b"ret; ld.global. .v4.f32 mma.sync.aligned bar.sync call .shared .b8 x[ %tid.x { } // , ; .func %".split(),
)
TARGET = Target(attempt, (PtxError,), seeds, WORDS, longest=8192)
