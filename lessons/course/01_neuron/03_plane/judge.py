from lessons.judging import Budget, Mistake, Write


def case(draw):
    columns = draw.size(3, 45)
    return {"z": draw.normal(draw.size(1, 9), columns), "b": draw.normal(columns)}


def expected(z, b):
    return {"y": z + b}


def wide(draw):
    return {"z": draw.normal(64, 96), "b": draw.normal(96)}


# Rows along x, all the way through: what is computed is right.
ROWS_FIRST = """    r, j = cuda.grid(2)
    if r < z.shape[0] and j < z.shape[1]:
        y[r, j] = z[r, j] + b[j]


def launches(z, b, y):
    \"""As many blocks as cover the matrix, along x and along y.\"""
    grid = math.ceil(z.shape[0] / BLOCK[0]), math.ceil(z.shape[1] / BLOCK[1])
"""
COLUMNS_FIRST = (
    ROWS_FIRST.replace("r, j = cuda", "j, r = cuda")
    .replace("z.shape[0] / BLOCK[0]", "z.shape[1] / BLOCK[0]")
    .replace("z.shape[1] / BLOCK[1]", "z.shape[0] / BLOCK[1]")
)

judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=wide, most={"sectors": 2400}),
    mistakes=[
        Mistake(
            "j, r = cuda.grid(2)",
            "r, j = cuda.grid(2)",
            "The first number of cuda.grid(2) is the one along x. Does your grid count the same thing along x?",
        ),
        Mistake(
            "math.ceil(z.shape[1] / BLOCK[0]), math.ceil(z.shape[0] / BLOCK[1])",
            "math.ceil(z.shape[0] / BLOCK[0]), math.ceil(z.shape[1] / BLOCK[1])",
            "A part of y is nobody's: the grid, too, states first how many blocks lie along x. What does x count?",
        ),
        Mistake(
            "if r < z.shape[0] and j < z.shape[1]",
            "if r < z.shape[0]",
            "A column is read that is not there. Blocks reach over the matrix on two sides: ask for both indices.",
        ),
        Mistake(
            "if r < z.shape[0] and j < z.shape[1]",
            "if r < z.shape[1] and j < z.shape[0]",
            "A row is read that is not there. z.shape[0] counts rows, z.shape[1] columns: is each index held against "
            "its own?",
        ),
        Mistake(
            COLUMNS_FIRST,
            ROWS_FIRST,
            "The sums are right. But neighbours along x work in different rows, so that a warp reads a column.",
        ),
    ],
)
