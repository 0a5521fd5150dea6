"""Four values in one access: 16 bytes a lane, the widest that a GPU loads or stores.

A kernel that only moves values is as fast as it asks for them. Where a thread takes four neighbours at once, their
address is computed once, and the loop around them goes round a quarter as often.

Arrays are flat and of values of 4 bytes, or of single bytes, of which a group is 4 bytes; group n holds the values 4 n
to 4 n + 3. Groups are numbered in unsigned 32 bits: an array may have up to 2**33 values, and Numba looks at no
unsigned index for its sign, as it does at others. What an array must be like to be taken so, `in_fours` says before a
launch.

Where every value is on its own, a kernel takes the groups in a grid-stride loop:

    n = thread_number(BLOCK)
    while n < groups(x):
        load_four(x, n, four)
        ...
        n = uint32(n + thread_count(BLOCK))

A thread takes group n, then the one that lies as many groups further as the grid has threads. What is the same for all
of its groups it computes once, and in each turn neighbours still ask for neighbours.
"""

import math

from llvmlite import ir

from kernels.gpu.compiler import cuda, types, uint32
from kernels.gpu.source import device

FOUR = 4
WIDE = 16  # bytes
ENOUGH = 132 * 256  # threads: a block for each multiprocessor of a large GPU
MOST_TURNS = 8


def in_fours(*arrays):
    """Whether such arrays, all of them, can be taken as groups of four: of whole groups that begin at 16 bytes."""
    return all(a.size % FOUR == 0 and 0 < a.size <= FOUR << 31 and address(a) % WIDE == 0 for a in arrays)


def address(array):
    """Where an array of NumPy or of CuPy begins."""
    return array.data.ptr if hasattr(array.data, "ptr") else array.__array_interface__["data"][0]


def turns(count, ENOUGH):
    """How many of `count` groups a thread takes: at most MOST_TURNS, and at least half of ENOUGH threads remain."""
    return min(math.ceil(count / ENOUGH), MOST_TURNS)


def blocks_of_fours(x, BLOCK, ENOUGH):
    """How many blocks of BLOCK threads take the groups of x in a grid-stride loop."""
    count = x.size // FOUR
    return math.ceil(count / (BLOCK * turns(count, ENOUGH)))


def first_groups(count, plane, ENOUGH):
    """For how many of `count` groups a launch has threads, which then take the same place of later planes.

    Whole planes, of `plane` groups each.
    """
    return plane * math.ceil(count // plane / turns(count, ENOUGH))


@device
def groups(x):
    """How many groups a flat array has, in unsigned 32 bits."""
    return uint32(x.size >> 2)


@device
def thread_number(BLOCK):
    """The number of a thread in a launch of blocks of BLOCK threads, in unsigned 32 bits."""
    return uint32(uint32(cuda.blockIdx.x) * uint32(BLOCK) + uint32(cuda.threadIdx.x))


@device
def thread_count(BLOCK):
    """How many threads there are in a launch of blocks of BLOCK threads, in unsigned 32 bits."""
    return uint32(uint32(cuda.gridDim.x) * uint32(BLOCK))


def vector_at(context, builder, array_type, array, index_type, index):
    """LLVM: a pointer to a group of four values of a flat array."""
    values = context.make_array(array_type)(context, builder, array).data
    vector = ir.VectorType(values.type.pointee, FOUR)
    group = context.cast(builder, index, index_type, types.int64)
    return builder.gep(builder.bitcast(values, vector.as_pointer()), [group])


def item_at(context, builder, array_type, array, k):
    """LLVM: a pointer to value k of a local array of four."""
    values = context.make_array(array_type)(context, builder, array).data
    return builder.gep(values, [context.get_constant(types.intp, k)])


def wide_load(typingcontext, x, n, four):
    def generate(context, builder, signature, args):
        place = vector_at(context, builder, x, args[0], n, args[1])
        vector = builder.load(place, align=FOUR * x.dtype.bitwidth // 8)
        for k in range(FOUR):
            value = builder.extract_element(vector, ir.Constant(ir.IntType(32), k))
            builder.store(value, item_at(context, builder, four, args[2], k))
        return context.get_dummy_value()

    return types.void(x, n, four), generate


def wide_store(typingcontext, y, n, four):
    def generate(context, builder, signature, args):
        place = vector_at(context, builder, y, args[0], n, args[1])
        vector = ir.Constant(place.type.pointee, ir.Undefined)
        for k in range(FOUR):
            value = builder.load(item_at(context, builder, four, args[2], k))
            vector = builder.insert_element(vector, value, ir.Constant(ir.IntType(32), k))
        builder.store(vector, place, align=WIDE)
        return context.get_dummy_value()

    return types.void(y, n, four), generate


@device(intrinsic=wide_load)
def load_four(x, n, four):
    """Group n of x, into `four`, a local array: one load of 16 bytes, or of 4 where the values are bytes."""
    for k in range(4):
        four[k] = x[4 * n + k]


@device(intrinsic=wide_store)
def store_four(y, n, four):
    """`four`, a local array, into group n of y: one store of 16 bytes."""
    for k in range(4):
        y[4 * n + k] = four[k]
