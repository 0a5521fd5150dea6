"""Where compiled code and the scheduler find what they share: the records of a thread and of a block, in bytes.

A thread's record is followed by its saved registers and its local memory.
"""

# Of a thread.
RESUME = 0  # i32: the stop where it goes on; 0 is the beginning
TID = 4  # i32 x, y, z
LANE = 16  # i32
WARP = 20  # i32
LINEAR = 24  # i32: x + y * width + z * width * height
COUNTS = 32  # pointer to its counts of executed basic blocks
QUEUE = 40  # i64: for what is under way, such as cp.async
DEPOSIT = 48  # 32 words that it leaves for others where it stops
RESULT = DEPOSIT + 4 * 32  # 16 words that it finds when it goes on
SLOTS = RESULT + 4 * 16

# Of a block.
SHARED = 0  # pointer to its shared memory
PARAMS = 8  # pointer to the kernel's parameters
STATICS = 16  # pointer to the module's global and constant variables
TOUCH = 24  # pointer to a function that is asked before each access
NTID = 32  # i32 x, y, z
CTAID = 44
NCTAID = 56
DYNAMIC = 68  # i32: bytes of dynamic shared memory
TOTAL = 72  # i32: bytes of all its shared memory
CLOCK = 80  # i64
WATCH = 88  # pointer to what the function at TOUCH knows
PRINT = 96  # pointers to the functions of printing.py
TURNS = 112  # i64: instructions of loops, which nobody knows to end, that a thread may execute without a stop
HEAP = 128  # pointers to the functions of heap.py
BLOCK = 144  # bytes of the record

# What a thread stops for; a stop's number is positive, so that 0 says it has ended.
ENDED = 0
FAULT = -1  # TOUCH has refused an access
TRAP = -2
LOST = -3  # in a loop, longer than TURNS allows
DEEP = -4  # in calls of functions by themselves, deeper than there is room for
