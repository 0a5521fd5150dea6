"""The matrices of Winograd (1980), as fractions, by Toom's and Cook's polynomials. docs/winograd.md derives them.

The sum y[i] = sum over j < k of d[i + j] g[j], for i < m, is a product of polynomials read the other way round, so it
takes n = m + k - 1 products and not m k. With n points p, of which the last is infinity, and V(k) the n x k matrix of
their powers p**j, j < k (infinity: the last power alone):

    y = V(m)T [ (N V(k) g) . (B d) ]        N: 1 over the product of (p - q) over the other points q

B has in the row of a point the coefficients of the product of (x - q) over the other points, in that of infinity those
of the product over all. On pictures it is done along both axes: n² products for m² outputs of k² taps.
"""

from fractions import Fraction
from functools import cache

# Tiles, by kind: (n points along an axis, k taps, m outputs). Of 3 taps and 8 points, 6 outputs, rounding made the
# gradient of a detector 1.7e-4 wrong where a direct sum leaves less than 1e-4.
SIZES = ((6, 3, 4), (8, 5, 4))

# Few, small, and with their negatives, which saves additions; the error grows with the sizes of their powers.
POINTS = {n: tuple(map(Fraction, (0, 1, -1, 2, -2, 0.5, -0.5)[: n - 1])) for n in (6, 8)}


@cache
def powers(n: int, k: int) -> list[list[Fraction]]:
    """V(k), n x k."""
    return [[p**j for j in range(k)] for p in POINTS[n]] + [[Fraction(j == k - 1) for j in range(k)]]


@cache
def scales(n: int) -> list[Fraction]:
    """The diagonal of N."""
    points = POINTS[n]
    return [1 / product(p - q for q in points if q != p) for p in points] + [Fraction(1)]


def scaled(n: int, k: int) -> list[list[Fraction]]:
    """N V(k), n x k."""
    return [[power * scale for power in row] for row, scale in zip(powers(n, k), scales(n), strict=True)]


@cache
def data(n: int) -> list[list[Fraction]]:
    """B, n x n."""
    points = POINTS[n]
    rows = [polynomial([q for q in points if q != p]) for p in points] + [polynomial(points)]
    return [row + [Fraction(0)] * (n - len(row)) for row in rows]


def product(factors) -> Fraction:
    total = Fraction(1)
    for factor in factors:
        total *= factor
    return total


def polynomial(roots) -> list[Fraction]:
    """The coefficients of the product of (x - root), the constant one first."""
    found = [Fraction(1)]
    for root in roots:
        found = [a - root * b for a, b in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
    return found
