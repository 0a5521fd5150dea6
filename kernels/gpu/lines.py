"""Source lines in PTX that are right for device functions too.

Numba gives every line to the file of the kernel, those of device functions that it has put in place as well. So these
are compiled as if they stood a million lines further down, a million for each, and the text is put right afterwards.
"""

import re

from kernels.gpu import compiler
from kernels.gpu.source import DeviceFunction, reachable

APART = 1_000_000


def ptx(source, argument_types, architecture, **options):
    """PTX of a kernel with the line that each instruction comes from. As compiler.ptx."""
    sources = reachable(source)
    number = {each.function: n for n, each in enumerate(sources)}
    compiled: dict[DeviceFunction, object] = {}

    def ready(value):
        if isinstance(value, DeviceFunction) and value.intrinsic is not None:
            return value.compiled  # an instruction has the line of its call
        if isinstance(value, DeviceFunction) and value not in compiled:
            _ = value.compiled  # raises CompileError where it calls itself
            shift = APART * number[value.source.function]
            compiled[value] = compiler.device_jit(value.source.specialised(ready, shift))
        return compiled[value] if isinstance(value, DeviceFunction) else value

    text = compiler.ptx(source.specialised(ready), argument_types, architecture, lines=True, **options)
    return with_files(text, [each.file for each in sources])


def with_files(text, files):
    """A text whose lines beyond APART * n are those of files[n] instead of files[0]."""
    numbers = {file: n for n, file in enumerate(dict.fromkeys(files), 1)}

    def right(match):
        n, line = divmod(int(match[2]), APART)
        return f"{match[1]}{numbers[files[n]]} {line} {match[3]}" if n else match[0]

    text = re.sub(r"(\.loc\s+)1 (\d{7,}) (\d+)", right, text).rstrip() + "\n"
    return text + "".join(f'\t.file\t{n} "{file}"\n' for file, n in numbers.items() if n > 1)
