"""The commands of `python -m kernels`: a module each, with `add(parser)` and `run(options)`; and what they share."""

# By the names of their modules, which load slowly: what the help says of each, and an example.
COMMANDS = {
    "check": (
        "fuzz every kernel against the reference: random shapes; ties, zeros, denormals, huge values, infinities",
        "check conv2d --device interpret --seconds 20",
    ),
    "gains": (
        "tabulate what each rung of a ladder gained over the one before it: counted, and with a GPU measured too",
        "gains transpose softmax.forward",
    ),
    "inspect": (
        "count what each kernel takes of a GPU: registers, shared memory, spills, occupancy; or what it executes",
        "inspect conv2d.forward --arch sm_80,sm_90",
    ),
    "list": (
        "list every operation, its equations, implementations and rungs",
        "list conv2d",
    ),
    "profile": (
        "time kernels against the machine and other libraries",
        "profile conv2d --shape x=50,32,24,24 w=32,32,5,5 --against torch",
    ),
    "run": (
        "run a program written for Numba CUDA as it is, without a GPU, and examine each of its launches",
        "run my_program.py",
    ),
    "show": (
        "show a rung's source, PTX or machine code",
        "show conv2d.forward --rung 2 --ptx",
    ),
    "trace": (
        "show one block of a launch step by step, as a page: lines, threads, memory, who waits for what",
        "trace conv2d.forward --rung 2 --shape x=1,2,8,8 w=4,2,3,3 --html conv2d.html",
    ),
    "xray": (
        "count what the hardware will see: sectors, bank conflicts, idle lanes; for each source line, without a GPU",
        "xray conv2d.forward --rung 2 --shape x=2,8,12,12 w=16,8,3,3 --picture worst.png",
    ),
}
