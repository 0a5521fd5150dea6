"""Streams and events: copies and kernels in two streams, an event that is waited for, and the time between two."""

import numpy as np
from numba import cuda


@cuda.jit
def scale(x, factor):
    i = cuda.grid(1)
    if i < x.size:
        x[i] *= factor


x = np.arange(256, dtype=np.float32)
streams = [cuda.stream() for _ in range(2)]
parts = []
start, end = cuda.event(), cuda.event()
start.record()
for stream, part in zip(streams, np.split(x, 2), strict=True):
    d_part = cuda.to_device(part, stream=stream)
    scale[4, 32, stream](d_part, np.float32(3))
    parts.append(d_part)
end.record(streams[1])
streams[0].synchronize()
end.synchronize()
assert end.query()
assert cuda.event_elapsed_time(start, end) >= 0

done = cuda.event(timing=False)
done.record(streams[0])
done.wait(streams[1])
with streams[1].auto_synchronize():
    found = np.concatenate([part.copy_to_host(stream=streams[1]) for part in parts])
assert np.array_equal(found, 3 * x)
with cuda.profiling():
    scale[4, 32, cuda.default_stream()](parts[0], 1)
print("streams: 2, with events")
