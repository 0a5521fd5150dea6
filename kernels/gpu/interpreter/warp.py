"""Warp intrinsics, answered for all lanes at once: `answer(what, lanes, operands)` gives a result for each lane."""

WARP_SIZE = 32

BLOCK_WIDE = {
    "syncthreads_count": sum,
    "syncthreads_and": lambda predicates: int(all(predicates)),
    "syncthreads_or": lambda predicates: int(any(predicates)),
}


def answer(what, lanes, operands):
    """The result for each lane. Raises LookupError (lane, source) if a lane reads one that does not take part."""
    return INTRINSICS[what](lanes, operands)


def shuffle(source):
    """A shuffle in which lane `lane` reads from `source(lane, argument)`, or keeps its value if that is no lane.

    The hardware looks at five bits of the argument: 33 is 1, and -1 is 31.
    """

    def exchange(lanes, operands):
        values = dict(zip(lanes, (value for value, _ in operands), strict=True))
        results = []
        for lane, (value, argument) in zip(lanes, operands, strict=True):
            other = source(lane, argument % WARP_SIZE)
            if not 0 <= other < WARP_SIZE:
                results.append(value)
            elif other in values:
                results.append(values[other])
            else:
                raise LookupError(lane, other)
        return results

    return exchange


def vote(decide):
    """A vote: everybody gets what `decide` makes of the truth of all predicates."""

    def count(lanes, operands):
        return [decide([bool(predicate) for (predicate,) in operands])] * len(lanes)

    return count


def ballot(lanes, operands):
    mask = sum(1 << lane for lane, (predicate,) in zip(lanes, operands, strict=True) if predicate)
    return [signed(mask)] * len(lanes)


def match_any(lanes, operands):
    """For each lane the lanes that have its value."""
    return [signed(sum(1 << lane for lane, other in zip(lanes, operands, strict=True) if other == o)) for o in operands]


def match_all(lanes, operands):
    """All lanes and True if all have the same value, else 0 and False."""
    is_same = all(operand == operands[0] for operand in operands)
    return [(signed(sum(1 << lane for lane in lanes)) if is_same else 0, is_same)] * len(lanes)


def signed(mask):
    """32 bits as Numba types them, int32."""
    return mask - (1 << 32) if mask >> 31 else mask


INTRINSICS = {
    "syncwarp": lambda lanes, operands: [None] * len(lanes),
    "shfl_sync": shuffle(lambda lane, source: source),
    "shfl_up_sync": shuffle(lambda lane, delta: lane - delta),
    "shfl_down_sync": shuffle(lambda lane, delta: lane + delta),
    "shfl_xor_sync": shuffle(lambda lane, mask: lane ^ mask),
    "any_sync": vote(any),
    "all_sync": vote(all),
    "eq_sync": vote(lambda predicates: len(set(predicates)) == 1),
    "ballot_sync": ballot,
    "match_any_sync": match_any,
    "match_all_sync": match_all,
}
