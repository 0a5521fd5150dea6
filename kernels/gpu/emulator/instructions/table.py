"""Where instructions and special registers are found by name."""

from collections.abc import Callable

OPCODES: dict[str, Callable] = {}  # opcode: function of (translator, instruction)
SPECIAL: dict[str, Callable] = {}  # name of a special register: function of a translator, which gives (value, bits)


def opcode(*names):
    """Decorator: the function translates these opcodes."""

    def add(function):
        for name in names:
            assert name not in OPCODES, name
            OPCODES[name] = function
        return function

    return add


def special(*names):
    """Decorator: the function of (translator, name) reads these special registers; returns (value, bits)."""

    def add(function):
        for name in names:
            assert name not in SPECIAL, name
            SPECIAL[name] = lambda t, name=name: function(t, name)
        return function

    return add
