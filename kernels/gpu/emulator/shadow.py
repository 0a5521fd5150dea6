"""What checked mode remembers: one record, whose words are named here, and of each cell of memory its last accesses.

A cell is as many bytes as the smallest access of the kernel has. It has three slots of 64 bits, each an access, or 0:
the last that changed the cell, and two others that the next one must be compared with. In a slot stand, from the low
bits up, the place in the program (20 bits), the thread (10), a time (32), and whether it was atomic.

Time is a counter of all meetings: blocks that begin, barriers, meetings of lanes, fences. A thread stamps its accesses
with the time of its last meeting; a later one tells whether others have learnt of them since (order.py).
"""

SITE_BITS, THREAD_BITS, TIME_BITS = 20, 10, 32
TIME_SHIFT = SITE_BITS + THREAD_BITS
ATOMIC_BIT = 1 << TIME_SHIFT + TIME_BITS
SLOTS = 3  # of a cell
CHANGED, FIRST, SECOND = 0, 8, 16  # bytes into the slots of a cell

# Kinds of what the compiled code announces, in the low bits; STRONG_READ is volatile, relaxed or acquire.
READ, WRITE, STRONG_READ, ATOMIC, FENCE, TURN = 1, 2, 3, 4, 5, 6
KIND_BITS = 7
ORDERING = 8  # an atomic that is a fence as well
SPACE_SHIFT, SPACE_BITS = 4, 3  # the space that the instruction names
UNDER_WAY = 128  # a copy that begins; until it has been waited for, nobody may read what it writes
SETS = 64  # an atomic that only writes: a volatile, relaxed or release store
HELD_SHIFT = 8  # above: the number of the only region that the place may reach, or 0
GENERIC, GLOBAL, SHARED, LOCAL = 0, 1, 2, 3
SPACES = {"generic": GENERIC, "global": GLOBAL, "const": GLOBAL, "shared": SHARED, "local": LOCAL}

# What may be found.
OUTSIDE, MISALIGNED, UNWRITTEN, RACE, FOREIGN, ENDLESS, LEFT_OUT, NO_SOURCE, SEALED_REGION, TOO_EARLY = range(1, 11)

PAGE_SHIFT = 8  # what begins in memory begins a page, so that a page belongs to one thing at most
MOST_SYNCS = 64  # addresses by which threads of a block tell each other

WORDS = (
    "FOUND", "ADDRESS", "ACCESS", "THREAD", "OTHER",  # what was found: a code; where, by whom, after whom
    "KINDS",  # pointer: 32 bits for each place of the program
    "COPIES",  # the same pointer if there are copies that may be under way, else 0
    "ARENA", "EXTENT",  # where the memory of the run begins, and its bytes
    "STATICS", "STATICS_BYTES",  # the same of the module's variables, which in all tables stand behind the arena
    "SHARED_FIRST", "SHARED_BYTES",  # which part of the arena is shared memory
    "PAGES", "REGIONS",  # pointers: a region's number for each page; (first, behind the last) byte of each region
    "SEALED",  # pointer: a byte for each region, whether it may not be written
    "PARTLY", "WRITTEN",  # pointers: a byte for each region, whether not all is written; one for each of its bytes
    "CELL_SHIFT", "CELLS",  # how many bytes a cell has; pointer to the slots
    "LOCAL_AT", "LOCAL_BYTES", "LOCAL_CELLS", "LOCAL_TIMES",  # of local memory: when each cell was written, by block
    "THREADS", "THREADS_BYTES", "STRIDE",  # the threads' records
    "NOW", "BEGIN", "FLOOR",  # the time; when the block went on; when all its threads met last
    "STAMPS", "KNOWN", "WIDTH",  # when each thread met others last; what it knows of each, as in order.py
    "PENDING",  # pointer: for each barrier what those who announced themselves know
    "BLOCKS", "BLOCK", "BORN",  # how many blocks have begun; which of them runs, from 1 on; when that one began
    "SLICES", "STARTS", "OWNERS",  # of time: how many there are; pointers: when each began, and which BLOCK it is of
    "GRID",  # when all blocks met last
    "FENCES", "FENCED",  # whether the program has any; when the block executed the last
    "CLOCKS", "CLOCK_SLOTS", "CLOCK_WIDTH",  # pointer: vector clocks of addresses; how many; how many blocks each has
    "TOLD_BY", "TOLD_AT",  # pointers: of each clock which block told by it last, and when
    "SEEN", "LEARNT", "JOINED",  # pointers: the block's own clock; when it read each other; when it learnt last
    "SYNCS", "SYNC_ROWS", "SYNC_COUNT",  # pointers: addresses by which its threads have told each other; what they knew
    "TURNS", "MOST_TURNS",  # of loops that are left to the thread until it stops, and how many it gets
)  # fmt: skip
AT = {name: 8 * number for number, name in enumerate(WORDS)}
