"""One operation of floats, rounded in any of the four directions.

To the nearest is what processors do by default. For the others a function sets the direction, computes and sets it
back; LLVM's constrained instructions keep it from being computed elsewhere.
"""

BITS = {"float": 32, "double": 64}
# PTX's name: (what LLVM calls it, the number that llvm.set.rounding takes)
MODES = {"rz": ("round.towardzero", 0), "rp": ("round.upward", 2), "rm": ("round.downward", 3)}


def rounded(t, what, mode, kind, *values):
    """The LLVM value of fadd, fsub, fmul, fdiv, fma or sqrt of values of a kind, float or double."""
    if mode != "rn":
        name = f"{what}.{mode}.{kind}"
        for text_name, text in definitions(name, what, mode, kind, len(values)):
            t.define(text_name, text)
        given = ", ".join(f"{kind} {v}" for v in values)
        return t.emit(f"call {kind} @{name}({given})")
    if what in ("fma", "sqrt"):
        return t.call(f"llvm.{what}.f{BITS[kind]}", kind, *((kind, v) for v in values))
    return t.emit(f"{what} {kind} {', '.join(values)}")


def definitions(name, what, mode, kind, count):
    """(name, text) of the function that rounds so, and of what it calls."""
    intrinsic = f"llvm.experimental.constrained.{what}.f{BITS[kind]}"
    direction, number = MODES[mode]
    kinds = ", ".join([kind] * count)
    yield intrinsic, f"declare {kind} @{intrinsic}({kinds}, metadata, metadata)"
    yield "llvm.set.rounding", "declare void @llvm.set.rounding(i32)"
    parameters = ", ".join(f"{kind} %a{n}" for n in range(count))
    yield (
        name,
        f"""define internal {kind} @{name}({parameters}) noinline strictfp {{
  call void @llvm.set.rounding(i32 {number}) strictfp
  %r = call {kind} @{intrinsic}({parameters}, metadata !"{direction}", metadata !"fpexcept.ignore") strictfp
  call void @llvm.set.rounding(i32 1) strictfp
  ret {kind} %r
}}""",
    )
