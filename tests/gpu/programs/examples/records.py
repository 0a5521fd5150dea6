"""Structured arrays: particles with fields, an array among them; and a single record as an argument."""

import numpy as np
from numba import cuda

particle = np.dtype([("mass", np.float64), ("place", np.float32, (2,)), ("alive", np.int8)], align=True)
setting = np.dtype([("step", np.float32), ("far", np.float32)], align=True)


@cuda.jit
def move(particles, settings):
    i = cuda.grid(1)
    if i < particles.size:
        particles[i].place[0] += settings.step * np.float32(particles[i]["mass"])
        particles[i].place[1] -= settings.step
        if particles[i].place[0] > settings.far:
            particles[i].alive = 0


particles = np.zeros(40, particle)
particles["mass"], particles["alive"] = np.arange(40), 1
settings = np.zeros(1, setting)
settings["step"], settings["far"] = 0.5, 10
move[2, 32](particles, settings[0])
assert np.array_equal(particles["place"][:, 0], 0.5 * np.arange(40, dtype=np.float32))
assert (particles["place"][:, 1] == -0.5).all()
assert particles["alive"].sum() == 21
print(f"records: {particles['alive'].sum()} of 40 particles are alive")
