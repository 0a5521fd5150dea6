"""An extension of Sphinx: formulas are MathML when a page is built, and no script has to draw them when it is read."""

import re
from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)

# As browsers draw MathML: a prime stands as high and as large as it should when it is no superscript,
PRIME = re.compile(r"<msup>(<mi>[^<]*</mi>)<mi>&#x02032;</mi></msup>")
# and what a maximum is taken over stands below it.
LIMITS = re.compile(r"<msub><mo>(max|min)</mo>((?:<mrow>.*?</mrow>)|<mi>[^<]*</mi>)</msub>")
# An arrow is as long as what stands above it, and a little longer.
ARROW = re.compile(
    r'<mstyle scriptlevel="0">(<mo)(>[^<]*</mo>)</mstyle><mpadded[^>]*>(.*?)<mspace depth="[^>]*></mpadded>'
)
ROOM = '<mspace width="0.5em"></mspace>'


def mathml(latex: str, display: bool) -> str:
    """A formula as an element `math`."""
    try:
        found = convert(latex, display="block" if display else "inline")
    except Exception as error:  # of whatever kind: the converter has many
        logger.warning("%s cannot be set: %s", " ".join(latex.split()), type(error).__name__)
        return f"<code>{escape(latex)}</code>"
    found = ARROW.sub(rf'\1 stretchy="true"\2<mrow>{ROOM}\3{ROOM}</mrow>', found)
    found = PRIME.sub(r'<mrow>\1<mo lspace="0" rspace="0">&#x02032;</mo></mrow>', found)
    return LIMITS.sub(r'<munder><mo movablelimits="false">\1</mo>\2</munder>', found) if display else found


def visit_inline(writer: Any, node: Any) -> None:
    writer.body.append(mathml(node.astext(), display=False))
    raise nodes.SkipNode


def visit_block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="math">{mathml(node.astext(), display=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
