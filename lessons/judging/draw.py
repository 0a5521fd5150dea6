"""Where a case gets its numbers from: fresh ones on every check, so that nothing can be solved by heart."""

import numpy as np


class Draw:
    """Numbers of one case. `extreme` is "least" or "most" for a case of the smallest or largest sizes, else "".

    A judge's `case(draw)` asks for sizes, by whole numbers, and for arrays, which are float32 unless it says otherwise.
    """

    def __init__(self, generator: np.random.Generator, extreme: str = ""):
        self.generator, self.extreme = generator, extreme

    def size(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        if self.extreme:
            return least if self.extreme == "least" else most
        return int(self.generator.integers(least, most, endpoint=True))

    def choice(self, *options):
        return options[int(self.generator.integers(len(options)))]

    def normal(self, *shape: int) -> np.ndarray:
        """Values as they stand in a network, around 0 and of size 1."""
        return self.generator.standard_normal(shape).astype(np.float32)

    def distinct(self, *shape: int) -> np.ndarray:
        """Values of which no two are equal or close: where a maximum shall have one place, and calculus a slope."""
        count = int(np.prod(shape))
        values = np.linspace(-2, 2, count) + 0.0137  # so that none is 0
        return self.generator.permutation(values).reshape(shape).astype(np.float32)

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        return self.generator.uniform(low, high, shape).astype(np.float32)

    def probabilities(self, rows: int, columns: int) -> np.ndarray:
        """Rows that are positive and add up to 1."""
        values = self.generator.uniform(0.1, 1, (rows, columns))
        return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)

    def whole(self, low: int, high: int, *shape: int, dtype: str = "int32") -> np.ndarray:
        """Whole numbers, both ends included."""
        return self.generator.integers(low, high, shape, endpoint=True).astype(dtype)

    def one_hot(self, rows: int, columns: int) -> np.ndarray:
        """A 1 in each row, and zeros."""
        return np.eye(columns, dtype=np.float32)[self.generator.integers(columns, size=rows)]
