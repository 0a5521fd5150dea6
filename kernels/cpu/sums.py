"""How Numba may add up float32 on a CPU core."""

# For `fastmath`: in vectors, in another order than written; that there is no NaN must not be assumed.
VECTOR_SUMS = {"reassoc", "contract", "nsz"}
