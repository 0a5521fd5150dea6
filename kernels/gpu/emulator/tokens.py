"""The words of PTX, each with its line."""

import bisect
import re

from kernels.gpu.emulator.errors import PtxError

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<string>"[^"\n]*")
      | (?P<number>0[fF][0-9a-fA-F]{8}|0[dD][0-9a-fA-F]{16}|0[xX][0-9a-fA-F]+U?|0[bB][01]+U?
                   |\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+U?)
      | (?P<word>[.][%$_A-Za-z][\w$]*(?:::[\w$]+)*|[%$_A-Za-z][\w$]*(?:(?:\.|::)[\w$]+)*)
      | (?P<mark>[{}()\[\]<>,;:=|!+\-@~*&/])""",
    re.VERBOSE | re.DOTALL,
)


def tokens(text, first=1):
    """(tokens, line of each). first: the number of the first line."""
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    found, lines, at = [], [], 0
    before = first - 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            line = before + bisect.bisect_right(starts, at)
            raise PtxError(f"{text[at]!r} is no part of PTX", line)
        if match.lastgroup != "skip":
            found.append(match[0])
            lines.append(before + bisect.bisect_right(starts, at))
        at = match.end()
    return found, lines


class Tokens:
    """Tokens taken one after another. Raises PtxError, which names the line, where another one stands."""

    def __init__(self, text, first=1):
        self.tokens, self.lines = tokens(text, first)
        self.at = 0

    @property
    def line(self):
        return self.lines[min(self.at, len(self.lines) - 1)] if self.lines else 1

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def next(self):
        token = self.peek()
        if not token:
            raise self.error("the text ends in the middle")
        self.at += 1
        return token

    def take(self, *wanted):
        """The next token, if it is one of these; else None."""
        if self.peek() in wanted:
            return self.next()
        return None

    def expect(self, wanted):
        found = self.peek()
        if found != wanted:
            raise self.error(
                f"{wanted!r} expected, found {found!r}" if found else f"the text ends where {wanted!r} stands"
            )
        self.at += 1

    def error(self, problem):
        return PtxError(problem, self.line)

    def name(self):
        token = self.next()
        if not re.match(r"[%$_A-Za-z]", token):
            self.at -= 1
            raise self.error(f"a name expected, found {token!r}")
        return token

    def integer(self):
        negative = bool(self.take("-"))
        token = self.next()
        try:
            value = int(token.rstrip("U"), 0) if not re.fullmatch(r"0[0-7]+U?", token) else int(token.rstrip("U"), 8)
        except ValueError:
            self.at -= 1
            raise self.error(f"a whole number expected, found {token!r}") from None
        return -value if negative else value
