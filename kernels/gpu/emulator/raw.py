"""Memory by its address, for functions that Numba compiles: what machine code and the scheduler share has no arrays."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def loader(bits, signed=True):
    """A function of an address that gives the integer of so many bits that lies there, as an int64."""

    @intrinsic
    def load(typing, address):
        def generate(context, builder, signature, arguments):
            kind = ir.IntType(bits)
            value = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
            if bits == 64:
                return value
            return (builder.sext if signed else builder.zext)(value, ir.IntType(64))

        return types.int64(types.int64), generate

    return load


def storer(bits):
    """A function of an address and an integer, whose low bits it stores there."""

    @intrinsic
    def store(typing, address, value):
        def generate(context, builder, signature, arguments):
            kind = ir.IntType(bits)
            given = arguments[1] if bits == 64 else builder.trunc(arguments[1], kind)
            builder.store(given, builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return store


load8, load32, load64 = loader(8, signed=False), loader(32), loader(64)
store8, store32, store64 = storer(8), storer(32), storer(64)


@intrinsic
def address_of(typing, pointer):
    """A pointer as an int64."""

    def generate(context, builder, signature, arguments):
        return builder.ptrtoint(arguments[0], ir.IntType(64))

    return types.int64(types.voidptr), generate
