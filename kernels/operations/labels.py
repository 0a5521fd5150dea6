"""Codes of face detection. There are two books of them, so each code says what it is a code of.

A box has a label: what stands in this place of `boxes`. An anchor is matched: with the number of a face, from 0, or
with a code below 0 where it has none.
"""

# label: of a box
FACE = 1
PADDING = 0  # no box at all: pictures of a batch have places for the same number of boxes
IGNORED_FACE = -1  # too small or too blurred to be learned; who finds it is neither right nor wrong

# matched: of an anchor
BACKGROUND = -1
IGNORED_ANCHOR = -2  # takes no part in the loss
