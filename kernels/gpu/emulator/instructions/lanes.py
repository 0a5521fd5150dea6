"""Several values side by side in one integer, the first lowest."""


def split(t, value: str, bits: int, count: int) -> list[str]:
    """`count` parts of as many bits, as integers."""
    whole = f"i{bits * count}"
    shifted = [value, *(t.emit(f"lshr {whole} {value}, {bits * n}") for n in range(1, count))]
    return [t.emit(f"trunc {whole} {each} to i{bits}") for each in shifted]


def joined(t, parts: list[str], bits: int) -> str:
    """The parts, integers of as many bits, as one."""
    whole = f"i{bits * len(parts)}"
    wide = [t.emit(f"zext i{bits} {part} to {whole}") for part in parts]
    value = wide[0]
    for n, part in enumerate(wide[1:], 1):
        value = t.emit(f"or {whole} {value}, {t.emit(f'shl {whole} {part}, {bits * n}')}")
    return value
