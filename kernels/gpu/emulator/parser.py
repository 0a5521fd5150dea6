"""PTX as text, read.

module = parse(text)
module.functions["_Z..."].body[0].opcode    "ld"
"""

import re
import struct
from dataclasses import replace

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.scopes import flatten
from kernels.gpu.emulator.syntax import (
    Address,
    Constant,
    Function,
    Instruction,
    Label,
    Module,
    Pair,
    Register,
    Symbol,
    Variable,
    Vector,
    constant_bits,
    float_bits,
)
from kernels.gpu.emulator.tokens import Tokens
from kernels.gpu.emulator.types import BITS

SPACES = ("global", "shared", "const", "local", "param")
ALIGNMENTS = tuple(1 << n for n in range(13))
# Names that Python gives to what is no file, as <ipython-input-1>, are put into a folder by compilers.
FILE = re.compile(r'^\s*\.file\s+(\d+)\s+"(?:[^"\n]*[/\\](?=<))?([^"\n]*)"', re.M)
MOST_BYTES = 2**31  # of a variable
LINKAGE = (".visible", ".extern", ".weak", ".common")
# What a function may say of itself between its parameters and its body: nothing that changes what it computes.
PERFORMANCE = (".maxnreg", ".maxntid", ".reqntid", ".minnctapersm", ".maxnctapersm", ".maxclusterrank", ".pragma",
               ".noreturn")  # fmt: skip


def parse(text: str, first: int = 1) -> Module:
    """The module that a text describes. Raises PtxError, which names the line, for what is no PTX.

    first    the number of its first line
    """
    try:
        return Parser(text, first).module()
    except RecursionError:
        raise PtxError("braces or parentheses stand too deep in each other") from None


class Parser(Tokens):
    def __init__(self, text, first=1):
        super().__init__(text, first)
        # They may stand behind the functions whose lines refer to them.
        self.files = {int(number): name for number, name in FILE.findall(text)}
        self.source: tuple[str, int] | None = None

    # Modules

    def module(self):
        module = Module()
        while self.peek():
            if self.take(".version"):
                module.version = self.next()
            elif self.take(".target"):
                module.target = self.next()
                while self.take(","):
                    self.next()
            elif self.take(".address_size"):
                if (size := self.integer()) != 64:
                    raise self.error(f".address_size {size}: only 64 is executed")
            elif self.debugging():
                pass
            else:
                self.declaration(module)
        if not module.version:
            raise PtxError("no PTX: it begins with no .version", self.lines[0] if self.lines else 1)
        return module

    def debugging(self):
        """Take in what only debuggers read; whether there was such."""
        if self.take(".file"):
            self.integer()
            self.next()
            while self.take(","):
                self.integer()
        elif self.take(".loc"):
            file, line, _ = self.integer(), self.integer(), self.integer()
            self.source = (self.files.get(file, ""), line) if line else None
            while self.take(","):
                if self.take("function_name"):
                    self.name()
                    if self.take("+"):
                        self.integer()
                else:
                    self.expect("inlined_at")
                    self.integer(), self.integer(), self.integer()
        elif self.peek() in (".section", ".metadata"):
            while self.peek() and self.peek() != "{":
                self.next()
            self.skip_braces()
        elif self.take(".pragma", ".alias"):
            while self.next() != ";":
                pass
        else:
            return False
        return True

    def skip_braces(self):
        depth = 0
        while True:
            token = self.next()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return

    def declaration(self, module):
        """A variable or a function at the level of the module."""
        first, linkage = self.at, ""
        while token := self.take(*LINKAGE):
            linkage = token.lstrip(".")
        if self.peek() in (".entry", ".func"):
            function = replace(self.function(), linkage=linkage)
            known = module.functions.get(function.name)
            if known is None or known.body is None:
                module.functions[function.name] = function
        elif self.peek().lstrip(".") in SPACES:
            for variable in self.variables():
                module.variables[variable.name] = replace(variable, linkage=linkage)
        else:
            found = self.peek()
            self.at = first
            raise self.error(f"a declaration expected, found {found!r}")

    def function(self):
        line, entry = self.line, self.next() == ".entry"
        results = self.parameters() if self.peek() == "(" else []
        name = self.name()
        parameters = self.parameters() if self.peek() == "(" else []
        while token := self.take(*PERFORMANCE):
            if token == ".pragma":
                self.next()
                self.take(";")
            elif token != ".noreturn":
                self.integer()
                while self.take(","):
                    self.integer()
        function = Function(name, entry, parameters, results, line=line)
        if not self.take(";"):
            scope = self.scope()
            function.body = []
            flatten(scope, {}, function, set())
        return function

    def parameters(self):
        """( .param .u64 name, .reg .b32 name, ... )."""
        self.expect("(")
        found = []
        while not self.take(")"):
            space = self.next().lstrip(".")
            if space not in ("param", "reg"):
                raise self.error(f".param or .reg expected, found {space!r}")
            found.append(self.variable(space))
            self.take(",")
        return found

    def variables(self):
        """.shared .align 16 .b8 name[64], other; without its linkage."""
        space = self.next().lstrip(".")
        first = self.variable(space)
        found = [first]
        while self.take(","):
            found.append(self.variable(space, first))
        self.expect(";")
        return found

    def variable(self, space, like=None):
        align, kind, vector = (like.align, like.type, 1) if like else (0, None, 1)
        while self.peek().startswith("."):
            token = self.next()
            if token == ".align":
                align = self.integer()
                if align not in ALIGNMENTS:
                    raise self.error(f".align {align}: no power of two up to {ALIGNMENTS[-1]}")
            elif token == ".ptr":  # .ptr .global .align 4 of a kernel's parameter
                while self.peek().lstrip(".") in SPACES:
                    self.next()
                if self.take(".align"):
                    self.integer()
            elif token in (".v2", ".v4", ".v8"):
                vector = int(token[2:])
            elif token.lstrip(".") in BITS:
                kind = token.lstrip(".")
            elif token.lstrip(".") not in ("texref", "samplerref", "surfref"):
                raise self.error(f"{token}: unknown in a declaration")
            else:
                raise self.error(f"{token}: textures and surfaces are not executed")
        if kind is None:
            raise self.error("a declaration without a type")
        name = self.name()
        width = max(BITS[kind] // 8, 1)
        count: int | None = vector
        while self.take("["):
            if self.take("]"):
                count = None
            else:
                size = self.integer()
                if size < 0:
                    raise self.error(f"{name}[{size}]: no number of elements")
                count = None if count is None else count * size
                self.expect("]")
        if count is not None and count * width > MOST_BYTES:
            raise self.error(f"{name}: more than {MOST_BYTES} bytes")
        initial, pointers = b"", ()
        if self.take("="):
            initial, pointers = self.initial(kind, width)
            if count is None:
                count = len(initial) // width
        if count is not None and len(initial) > count * width:
            raise self.error(f"{name}: more initial values than it has room for")
        size = None if count is None else count * width
        return Variable(name, space, kind, align or width * vector, size, initial, pointers)

    def initial(self, kind, width):
        """(bytes, ((offset, symbol), ...)) of an initialiser."""
        values = []

        def gather():
            if self.take("{"):
                while not self.take("}"):
                    gather()
                    self.take(",")
            else:
                generic = self.take("generic")
                if generic:
                    self.expect("(")
                values.append(self.operand())
                if generic:
                    self.expect(")")

        gather()
        found, pointers = bytearray(), []
        for value in values:
            if isinstance(value, Register):  # of registers there are none out here: a variable
                value = Symbol(value.name)
            if not re.fullmatch(r"[usb]\d+|f32|f64", kind):
                raise self.error(f"a variable of type .{kind} with an initial value is not executed")
            if isinstance(value, Symbol):
                pointers.append((len(found), value))
                found += bytes(width)
            elif isinstance(value, Constant):
                try:
                    found += constant_bits(value, kind).to_bytes(width, "little")
                except PtxError as error:
                    raise self.error(error.problem) from None
            else:
                raise self.error("an initial value is no constant")
        return bytes(found), tuple(pointers)

    # Bodies

    def scope(self):
        """What stands between braces: a list of instructions, labels, declarations (tuples) and scopes (lists)."""
        self.expect("{")
        items = []
        while not self.take("}"):
            token = self.peek()
            if token == "{":
                items.append(self.scope())
            elif token == ".reg":
                items.append(self.registers())
            elif token.lstrip(".") in SPACES and token.startswith("."):
                items += self.variables()
            elif self.debugging() or self.take(";"):
                pass
            elif self.peek(1) == ":" and re.match(r"[%$_A-Za-z]", token):
                self.at += 2
                if self.take(".branchtargets"):
                    items.append(("targets", token, self.labels()))
                elif self.take(".callprototype"):
                    while self.next() != ";":
                        pass
                else:
                    items.append(Label(token))
            elif token:
                items.append(self.instruction())
            else:
                raise self.error("the text ends in the middle of a function")
        return items

    def labels(self):
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.expect(";")
        return tuple(found)

    def registers(self):
        """.reg .b32 %r<57>, %x; as ("registers", {name: type})."""
        self.next()
        vector = self.take(".v2", ".v4")
        kind = self.next().lstrip(".")
        if vector or kind not in BITS or kind in ("tf32", "f32x2", "e4m3x2", "e5m2x2"):
            raise self.error(f"{vector or kind}: no register has this type")
        found: dict[str, str] = {}
        while True:
            name = self.name()
            if self.take("<"):
                count = self.integer()
                if not 0 <= count <= 1_000_000:
                    raise self.error(f"{name}<{count}>: no number of registers")
                found |= {f"{name}{i}": kind for i in range(count)}
                self.expect(">")
            else:
                found[name] = kind
            if not self.take(","):
                break
        self.expect(";")
        return ("registers", found)

    def instruction(self):
        line, predicate = self.line, None
        if self.take("@"):
            negated = bool(self.take("!"))
            predicate = Register(self.name(), negated)
        word = self.next()
        if not re.fullmatch(r"[a-z]\w*(?:(?:\.|::)\w+)*", word):
            self.at -= 1
            raise self.error(f"an instruction expected, found {word!r}")
        opcode, *modifiers = word.split(".")
        operands = [] if self.peek() == ";" else [self.operand()]
        while self.take(",") or (opcode == "call" and self.peek() != ";"):
            operands.append(self.operand())
        self.expect(";")
        return Instruction(opcode, tuple(modifiers), tuple(operands), predicate, line, self.source)

    def operand(self):
        token = self.peek()
        if token == "[":
            return self.address()
        if token in ("{", "("):
            close = {"{": "}", "(": ")"}[self.next()]
            elements = []
            while not self.take(close):
                elements.append(self.operand())
                self.take(",")
            return Vector(tuple(elements))
        if self.take("!"):
            return Register(self.name(), negated=True)
        if re.match(r"[%$_A-Za-z]", token):
            name = self.next()
            if self.take("|"):
                return Pair(Register(name), Register(self.name()))
            if self.peek() in ("+", "-") and not name.startswith("%"):
                return Symbol(name, self.offset())
            return Register(name)  # or a Symbol: what it is, the declarations tell
        return self.number()

    def address(self):
        self.expect("[")
        base, offset = None, 0
        if re.match(r"[%$_A-Za-z]", self.peek()):
            base = Register(self.next())
        elif self.peek() not in ("+", "-"):
            offset = self.integer()
        while self.peek() in ("+", "-"):
            offset += self.offset()
        self.expect("]")
        return Address(base, offset)

    def offset(self):
        """+4, -4, and +-4 as NVVM writes it."""
        sign = -1 if self.next() == "-" else 1
        return sign * self.integer()

    def number(self):
        negative = bool(self.take("-"))
        token = self.peek()
        if re.match(r"0[fFdD]", token):
            self.next()
            width = 32 if token[1] in "fF" else 64
            bits = int(token[2:], 16)
            code = "<f" if width == 32 else "<d"
            (value,) = struct.unpack(code, bits.to_bytes(width // 8, "little"))
            if negative:
                value, bits = -value, bits ^ 1 << width - 1
            return Constant(value, bits, width)
        if re.fullmatch(r"\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+", token):
            self.next()
            value = -float(token) if negative else float(token)
            return Constant(value, float_bits(value, "<d"), 64)
        self.at -= negative
        return Constant(self.integer())
