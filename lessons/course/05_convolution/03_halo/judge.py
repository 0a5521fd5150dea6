import numpy as np

from lessons.judging import Budget, Mistake, Write


def case(draw):
    return {"x": draw.normal(draw.size(1, 9), draw.size(1, 17)), "w": draw.normal(3, 3)}


def expected(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, 1), w.shape)
    return {"y": np.einsum("hwji,ji->hw", windows, w)}


FETCH = """    for j in range(ty, TILE_H, BLOCK_H):
        for i in range(tx, TILE_W, BLOCK_W):
            row, column = top + j, left + i
            if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
                tile[j, i] = x[row, column]
            else:
                tile[j, i] = float32(0)
"""
WAIT = "    cuda.syncthreads()  # the tile is complete, whoever has fetched it\n"

judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"x": draw.normal(16, 32), "w": draw.normal(3, 3)}, most={"sectors": 540}),
    mistakes=[
        Mistake(
            WAIT,
            "",
            "A window has pixels in it that other threads fetch: nobody has waited until they have.",
        ),
        Mistake(
            FETCH,
            """    row, column = top + ty, left + tx
    if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
        tile[ty, tx] = x[row, column]
    else:
        tile[ty, tx] = float32(0)
""",
            "Each thread fetches one pixel, but a tile has more pixels than a block has threads: who fetches the rest?",
        ),
        Mistake(
            """            else:
                tile[j, i] = float32(0)
""",
            "",
            "What lies outside of the image is not fetched, but it is read: somebody has to put a zero there.",
        ),
        Mistake(
            FETCH,
            FETCH.replace("ty, TILE_H, BLOCK_H", "tx, TILE_H, BLOCK_W").replace(
                "tx, TILE_W, BLOCK_W", "ty, TILE_W, BLOCK_H"
            ),
            "Each pixel is fetched once, but threads that follow each other in x should read neighbours in a row.",
        ),
        Mistake(
            FETCH + WAIT,
            FETCH + "    " + WAIT,
            "Not all threads take as many turns of this loop, and each would wait once a turn: wait once, after it.",
        ),
        Mistake(
            "tile[ty + j, tx + i]",
            "tile[ty + 1 + j, tx + 1 + i]",
            "tile[0, 0] lies above the block and to its left already: the window of the first thread begins there.",
        ),
    ],
)
