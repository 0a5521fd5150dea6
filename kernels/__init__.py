"""One folder per operation. Knows arrays; knows no graph, no layer, no model."""

from kernels import waiting
from kernels.caches import find_places
from kernels.launched import share_machine

# Libraries read what these say in the environment when they are loaded, so `import kernels` stands first in framework/
# and apps/. Numba is not loaded here: kernels/cpu and kernels/gpu do, and see to its cache.
share_machine()
waiting.settle()
find_places()
