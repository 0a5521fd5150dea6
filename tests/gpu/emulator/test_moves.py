"""Moves between registers, into parts and together; addresses in their space and generic ones."""

import numpy as np

from kernels.gpu.emulator import load
from tests.helpers.ptx import HEAD, Line, check, lines, masked


def test_a_register_is_copied_bit_for_bit():
    check([line for line in lines("mov") if line.sources and line.types[0] not in ("b128", "b8")], lambda line, a: a)


def test_registers_are_put_together_the_first_lowest_and_taken_apart():
    def together(line, *bits):
        part = {"b16": 16, "b32": 32}[line.sources[0]]
        return sum(masked(v, line.sources[0]) << part * n for n, v in enumerate(bits))

    def pack(kind, part, count):
        names = ", ".join(f"{{s{n}}}" for n in range(count))
        return Line(f"mov.{kind} {{d0}}, {{{names}}};", (part,) * count, (kind,))

    check([pack("b32", "b16", 2), pack("b64", "b32", 2), pack("b64", "b16", 4)], together)

    def apart(line, a):
        part = {"b16": 16, "b32": 32}[line.results[0]]
        return tuple(a >> part * n & (1 << part) - 1 for n in range(len(line.results)))

    def unpack(kind, part, count):
        names = ", ".join(f"{{d{n}}}" for n in range(count))
        return Line(f"mov.{kind} {{{names}}}, {{s0}};", (kind,), (part,) * count)

    check([unpack("b32", "b16", 2), unpack("b64", "b32", 2), unpack("b64", "b16", 4)], apart)


def test_bytes_and_128_bits_come_together_and_apart():
    text = """.reg .b8 %x, %y, %z, %w; .reg .b16 %h; .reg .b128 %q;
        mov.b32 {{%x, %y, %z, %w}}, {s0}; mov.b32 {d0}, {{%w, %z, %y, %x}};
        mov.b64 {d1}, {{{s0}, {s1}}}; mov.b128 %q, {{{d1}, {s2}}}; mov.b128 {{_, {d1}}}, %q;"""
    line = Line("{ " + text.replace("{{", "{").replace("}}", "}") + " }", ("b32", "b32", "b64"), ("b32", "b64"))
    check([line], lambda line, a, b, c: (int.from_bytes(a.to_bytes(4, "little"), "big"), c))


def test_addresses_go_to_generic_ones_and_back_and_say_where_they_are():
    text = f"""{HEAD}
.global .align 8 .b64 there = 77;
.visible .entry k(.param .u64 out) {{
.reg .b64 %d<12>; .reg .pred %p<9>; .reg .u32 %r<12>; .reg .b32 %x;
.shared .align 8 .b8 near[64];
.local .align 8 .b8 own[16];
ld.param.u64 %d1, [out];
cvta.shared.u64 %d2, near; mov.u64 %d3, near; cvta.to.shared.u64 %d4, %d2; cvta.shared.u64 %d5, %d3;
cvta.local.u64 %d6, own; cvta.global.u64 %d7, there; cvta.param.u64 %d11, out;
st.u32 [%d2+4], 41; ld.shared.u32 %r1, [near+4]; st.global.u32 [%d1], %r1;
sub.s64 %d8, %d4, %d3; st.global.u64 [%d1+8], %d8; sub.s64 %d8, %d5, %d2; st.global.u64 [%d1+16], %d8;
ld.u64 %d9, [%d7]; st.global.u64 [%d1+24], %d9;
{where("%d2", 32)}{where("%d6", 40)}{where("%d7", 48)}{where("%d11", 56)}
ret; }}"""
    out = np.zeros(8, np.uint64)
    load(text).run((1, 1, 1), (1, 1, 1), [out])
    assert out.tolist() == [41, 0, 0, 77, 0b0001, 0b0010, 0b0100, 0b1000]


def where(address, at):
    """A bit for each of shared, local, global and param."""
    found = "mov.u32 %x, 0;\n"
    for n, space in enumerate(("shared", "local", "global", "param")):
        found += f"isspacep.{space} %p1, {address}; selp.u32 %r2, {1 << n}, 0, %p1; or.b32 %x, %x, %r2;\n"
    return f"{found}st.global.u32 [%d1+{at}], %x;\n"
