"""Which rows lie under the filter of an output row, and how they weigh: the same lines on a CPU core and a GPU.

Output row h' has its middle at (h' + 1/2) H / H' of the input, row h has it at h + 1/2. The filter is a triangle that
falls from 1 in the middle to 0 at a distance of max(1, H / H') rows. All is counted in units of 1 / (2 H') of a row:
integers, so that nobody disagrees about who lies under it. Columns are alike.
"""

from kernels.gpu import float32


def first_under(h_out, H, H_out):
    """The first row at which the filter of output row h' is above 0."""
    return max(((2 * h_out + 1) * H - 2 * max(H, H_out) - H_out) // (2 * H_out) + 1, 0)


def past_under(h_out, H, H_out):
    """The row after the last at which the filter of output row h' is above 0."""
    return min(((2 * h_out + 1) * H + 2 * max(H, H_out) + H_out - 1) // (2 * H_out), H)


def weight(h, h_out, H, H_out):
    """The filter of output row h' at row h under it, above 0 and at most 1."""
    reach = 2 * max(H, H_out)
    distance = abs((2 * h + 1) * H_out - (2 * h_out + 1) * H)
    return float32(reach - distance) / float32(reach)
