"""PTX written by hand, for tests of single instructions."""


def kernel(body: str, parameters: int, registers: str = "", target: str = "sm_90", memory: str = "") -> str:
    """A kernel k of pointers p0, p1 ..., which are in %rd0, %rd1 ... as global addresses; %r0 is its %tid.x.

    Of .b32 %r, .f32 %f, .b64 %rd, .f64 %fd and .pred %p there are 100 each.
    """
    names = ", ".join(f".param .u64 p{n}" for n in range(parameters))
    loads = "\n".join(f"ld.param.u64 %rd{n}, [p{n}];\ncvta.to.global.u64 %rd{n}, %rd{n};" for n in range(parameters))
    return f""".version 9.0
.target {target}
.address_size 64
{memory}
.visible .entry k({names})
{{
.reg .b32 %r<100>; .reg .f32 %f<100>; .reg .b64 %rd<100>; .reg .f64 %fd<100>; .reg .pred %p<100>;
{registers}
{loads}
mov.u32 %r0, %tid.x;
{body}
ret;
}}
"""


def own(pointer: int, to: int, bytes: int) -> str:
    """%rd{to} is the address of this thread's part, of so many bytes, of what %rd{pointer} leads to."""
    return f"mul.wide.u32 %rd{to}, %r0, {bytes};\nadd.s64 %rd{to}, %rd{to}, %rd{pointer};"
