"""Formulas as a terminal can show them: LaTeX to one line of Unicode, which means the same.

Groups keep their braces and fractions get parentheses, so that nothing is read otherwise than it is meant:
Z_{r,j} = b_j + ∑_i X_{r,i} W_{i,j}.
"""

import re

from pylatexenc.latex2text import (
    EnvironmentTextSpec,
    LatexNodes2Text,
    MacroTextSpec,
    get_default_latex_context_db,
)

MATH = re.compile(r"^```math\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"\$`([^`]*)`\$")
SIMPLE = re.compile(r"∂?\w('|_\w|\^\w)*|\d+")  # what needs no parentheses on either side of a fraction's bar


def fraction(node, l2tobj) -> str:
    above, below = (l2tobj.nodelist_to_text([part]).strip() for part in node.nodeargd.argnlist[-2:])
    return f"{one(above)} / {one(below)}"


def one(text: str) -> str:
    """One side of a fraction, in parentheses unless it is a single thing."""
    inside = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    return inside if SIMPLE.fullmatch(inside) else f"({inside})"


def cases(node, l2tobj) -> str:
    rows = l2tobj.nodelist_to_text(node.nodelist).split(";")
    return "{ " + ";  ".join(" ".join(row.split()) for row in rows) + " }"


def rules():
    """How this differs from what pylatexenc does by itself."""
    known = get_default_latex_context_db()
    words = {name: f"{name} " for name in ("log", "exp")}
    words |= {"qquad": "      ", "\\": ";", ",": "", ";": " ", "to": " → ", "le": " ≤ ", "ge": " ≥ ", "ne": " ≠ "}
    words |= {"rightarrow": " → ", "leftarrow": " ← ", "cdot": " · ", "in": " ∈ ", "cap": " ∩ ", "cup": " ∪ "}
    macros = [MacroTextSpec("frac", fraction), *(MacroTextSpec(name, text) for name, text in words.items())]
    known.add_context_category("plain", prepend=True, macros=macros, environments=[EnvironmentTextSpec("cases", cases)])
    return known


CONVERTER = LatexNodes2Text(
    latex_context=rules(), math_mode="text", keep_braced_groups=True, keep_braced_groups_minlen=2
)


def formula(latex: str) -> str:
    """A formula in a line, or in as many as it has; wide gaps stay."""
    text = CONVERTER.latex_to_text(latex.replace("&", ": "))
    lines = (re.sub(r"(?<! ) {2,3}(?! )", " ", line).strip() for line in text.strip().splitlines())
    return "\n".join(line for line in lines if line)


def inline(markdown: str) -> str:
    """Markdown with its inline formulas in Unicode."""
    return INLINE.sub(lambda found: f"`{formula(found[1])}`", markdown)
