"""The accesses of the source and those of the compiled kernel, side by side: the same blocks, counted the same way."""

from dataclasses import dataclass, field

from kernels.gpu.xray.counts import Access, Xray

COUNTED = ("requests", "bytes", "sectors", "wavefronts")


@dataclass
class Pair:
    """Accesses of one kind to one array, or to shared memory as a whole: what the source has, what was compiled."""

    space: str
    kind: str
    array: str
    source: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    compiled: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    wide: int = 0
    """Bytes of vectors that a thread moves at a time as compiled; 0 for none."""

    @property
    def why(self) -> str:
        """What the compiler did, in words; nothing where both are alike."""
        before, after = self.source, self.compiled
        wide = f"{self.wide} bytes at a time" if self.wide else ""
        if not after["requests"]:
            return "removed: every value is known or in a register"
        if not before["requests"]:
            return "added: the compiler's own"
        said = [wide] if wide else []
        if after["bytes"] < before["bytes"]:
            said.append(f"{1 - after['bytes'] / before['bytes']:.0%} loaded or stored once and kept in a register")
        elif after["bytes"] > before["bytes"]:
            said.append("more is accessed than the source says: before it is known whether it is needed")
        elif after["requests"] > before["requests"]:
            said.append("one place became several, which lanes come to one after another")
        elif after["requests"] < before["requests"] and not wide:
            said.append("several places became one, to which lanes come together")
        return "; ".join(said)


def pairs(source: Xray, compiled: Xray) -> list[Pair]:
    """Of all that either accesses, global memory first; arrays in the order in which the source has them."""
    found: dict[tuple, Pair] = {}
    for which, xray in (("source", source), ("compiled", compiled)):
        for access in xray.accesses:
            array = access.array if access.space == "global" else ""
            pair = found.setdefault((access.space, array, access.kind), Pair(access.space, access.kind, array))
            add(pair, which, access)
    return sorted(found.values(), key=lambda pair: pair.space)


def add(pair: Pair, which: str, access: Access) -> None:
    into = getattr(pair, which)
    for name in COUNTED:
        into[name] += getattr(access, name)
    if which == "compiled" and access.width > access.element:
        pair.wide = max(pair.wide, access.width)
