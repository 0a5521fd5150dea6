"""Clicks of users, sorted by user and time, are numbered by session: a long pause begins another one.

Each thread looks whether its click begins a session; after the whole grid has synchronised, each follows back to the
click that began its own.
"""

import numpy as np
from numba import cuda

PAUSE = np.int64(30 * 60)


@cuda.jit
def sessionise(user, time, session):
    i = cuda.grid(1)
    if i < user.size:
        if i == 0 or user[i] != user[i - 1] or time[i] - time[i - 1] > PAUSE:
            session[i] = i
        else:
            session[i] = -1
    cuda.cg.this_grid().sync()
    if i < user.size:
        first = i
        while session[first] == -1:
            first -= 1
        own = session[first]
    cuda.cg.this_grid().sync()
    if i < user.size:
        session[i] = own


rng = np.random.default_rng(2)
n = 300
user = np.sort(rng.integers(0, 12, n))
time = np.zeros(n, np.int64)
for each in np.unique(user):
    time[user == each] = np.cumsum(rng.integers(1, 3000, (user == each).sum()))

d_session = cuda.device_array(n, np.int64)
sessionise[5, 64](cuda.to_device(user), cuda.to_device(time), d_session)

begins = np.r_[True, (np.diff(user) != 0) | (np.diff(time) > PAUSE)]
expected = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
assert np.array_equal(d_session.copy_to_host(), expected)
print(f"sessions: {begins.sum()} of {n} clicks")
