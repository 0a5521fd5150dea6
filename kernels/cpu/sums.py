"""How Numba may add up float32 on a CPU core."""

# For `fastmath`: in vectors, in another order than written; that there is no NaN must not be assumed.
# A function that others call has `forceinline` too. LLVM adds in one order where it stands for itself and in another
# where it was compiled with its caller, and which of the two runs depends on what Numba's cache had: the same seed gave
# other bits in the process that had compiled than in those that followed.
VECTOR_SUMS = {"reassoc", "contract", "nsz"}
