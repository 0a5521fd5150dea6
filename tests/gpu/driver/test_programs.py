"""Programs in processes of their own that have the driver: cuda.core, cuda.bindings and Numba find it by themselves."""

CORE = """
import numpy as np
from cuda.bindings import driver
from cuda.core import Device, LaunchConfig, Linker, Program, ProgramOptions, launch

device = Device()
device.set_current()
stream = device.create_stream()

def compiled(text, **options):
    return Program(text, "c++", ProgramOptions(arch="sm_90", **options)).compile("ptx")

def on_device(array):
    buffer = device.allocate(array.nbytes, stream=stream)
    driver.cuMemcpyHtoD(int(buffer.handle), array.ctypes.data, array.nbytes)
    return buffer

def brought(buffer, array):
    driver.cuMemcpyDtoH(array.ctypes.data, int(buffer.handle), array.nbytes)
    return array

scale = compiled('''
extern "C" __global__ void scale(float* a, float s, unsigned n, char c, double d, long long l, bool b)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n && b) a[i] = a[i] * s + c + (float)d + l;
}
''').get_kernel("scale")
arguments = np.float32(2), np.uint32(100), np.int8(-3), np.float64(0.5), np.int64(7), np.bool_(True)
numbers = np.arange(100, dtype=np.float32)
expected = numbers * 2 + 4.5
"""
NUMBA = """
import numpy as np
from numba import cuda

@cuda.jit
def add_one(x):
    i = cuda.grid(1)
    if i < x.size:
        x[i] += 1
"""


def test_cuda_core_compiles_launches_and_copies(program):
    program(
        CORE
        + """
assert device.name == "Emulated H100" and device.compute_capability == (9, 0)
buffer = on_device(numbers)
launch(stream, LaunchConfig(grid=4, block=32), scale, buffer, *arguments)
stream.sync()
assert np.array_equal(brought(buffer, np.empty_like(numbers)), expected)
assert [each.size for each in scale.arguments_info] == [8, 4, 4, 1, 8, 8, 1]
assert scale.attributes.max_threads_per_block == 1024
"""
    )


def test_cuda_core_captures_a_graph_of_several_streams(program):
    program(
        CORE
        + """
buffers = [on_device(numbers) for _ in range(2)]
builder = device.create_graph_builder()
builder.begin_building()
left, right = builder.split(2)
for each, buffer in zip((left, right), buffers):
    launch(each, LaunchConfig(grid=4, block=32), scale, buffer, *arguments)
builder = type(builder).join(left, right)
graph = builder.end_building().complete()
assert all(np.array_equal(brought(each, np.empty_like(numbers)), numbers) for each in buffers)
graph.launch(stream)
stream.sync()
assert all(np.array_equal(brought(each, np.empty_like(numbers)), expected) for each in buffers)
"""
    )


def test_cuda_core_links_and_refuses_what_cannot_be_done(program):
    said = program(
        CORE
        + """
calls = compiled('''extern "C" __device__ int twice(int);
extern "C" __global__ void f(int* a) { *a = twice(21); }''', relocatable_device_code=True)
twice = compiled('extern "C" __device__ int twice(int x) { return x + x; }', relocatable_device_code=True)
buffer = on_device(np.zeros(1, np.int32))
launch(stream, LaunchConfig(grid=1, block=1), Linker(calls, twice).link("cubin").get_kernel("f"), buffer)
assert brought(buffer, np.zeros(1, np.int32)) == 42

def refused(config):
    try:
        launch(stream, config, scale, buffer, *arguments)
    except Exception as error:
        return str(error).partition(":")[0]

print(refused(LaunchConfig(grid=1, block=1025)))
print(refused(LaunchConfig(grid=2, block=1, cluster=2)))
""",
        error="cuLaunchKernelEx: block (1025, 1, 1): from 1 to (1024, 1024, 64) is allowed\n"
        "cuLaunchKernelEx: clusters of blocks are not executed here\n",
    )
    assert said == "CUDA_ERROR_INVALID_VALUE\nCUDA_ERROR_NOT_SUPPORTED\n"


def test_memory_of_the_host_is_seen_by_kernels(program):
    program(
        NUMBA
        + """
host = np.arange(10.0)
with cuda.mapped(host) as mapped:
    add_one[1, 32](mapped)
    cuda.synchronize()
    assert np.array_equal(host, np.arange(10) + 1.0)
for make in (cuda.mapped_array, cuda.managed_array):
    x = make(10)
    x[:] = np.arange(10)
    add_one[1, 32](x)
    cuda.synchronize()
    assert np.array_equal(x, np.arange(10) + 1.0)
pinned = cuda.pinned_array(10)
pinned[:] = 5
stream = cuda.stream()
x = cuda.to_device(pinned, stream=stream)
add_one[1, 32, stream](x)
x.copy_to_host(pinned, stream=stream)
stream.synchronize()
assert (pinned == 6).all()
"""
    )


def test_arrays_of_others_and_streams_of_others(program):
    program(
        NUMBA
        + """
from cuda.core import Device

class Other:
    def __init__(self, array):
        self.__cuda_array_interface__ = array.__cuda_array_interface__

x = cuda.to_device(np.arange(10.0))
add_one[1, 32](Other(x))
add_one[1, 32](cuda.as_cuda_array(Other(x)))
device = Device()
device.set_current()
stream = device.create_stream()
add_one[1, 32, cuda.external_stream(int(stream.handle))](x)
add_one[1, 32, stream](x)
assert np.array_equal(x.copy_to_host(), np.arange(10) + 4.0)
"""
    )


def test_threads_launch_at_the_same_time(program):
    program(
        NUMBA
        + """
from concurrent.futures import ThreadPoolExecutor

def work(n):
    x = cuda.to_device(np.full(64, n))
    for _ in range(10):
        add_one[2, 32](x)
    return x.copy_to_host()

with ThreadPoolExecutor(4) as pool:
    assert all((found == n + 10).all() for n, found in enumerate(pool.map(work, range(16))))
"""
    )


def test_memory_is_given_back_when_arrays_are_gone(program):
    program(
        NUMBA
        + """
with cuda.defer_cleanup():
    pass
for _ in range(200):
    cuda.device_array(2**26, np.uint8)  # of 1 GiB
cuda.current_context().deallocations.clear()
assert gpu().memory.used == 0
context = cuda.current_context()
free, total = context.get_memory_info()
assert free == total == 2**30
"""
    )


def test_a_process_that_is_forked_has_no_gpu(program):
    said = program(
        NUMBA
        + """
import os

x = cuda.to_device(np.zeros(4))
if os.fork() == 0:
    try:
        cuda.to_device(np.zeros(4))
    except Exception as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
add_one[1, 32](x)
print(x.copy_to_host())
""",
        error="cuMemAlloc: a process that is forked has no GPU: kernels run in the program's own process",
    )
    assert said == "CUDA initialized before forking\n[1. 1. 1. 1.]\n"


def test_an_interrupt_reaches_the_program(program):
    said = program(
        NUMBA
        + """
import signal, time

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have switched off

gpu().execute = lambda launched: signal.raise_signal(signal.SIGINT)
x = cuda.to_device(np.zeros(4))
try:
    try:
        add_one[1, 32](x)
    except Exception as error:
        print(type(error).__name__)
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert said == "CUDAError\ninterrupted\n"


def test_numba_that_has_looked_for_a_driver_before_finds_this_one(program):
    """The process of the fixture has one from the beginning; so another one is started."""
    import subprocess
    import sys

    source = """
from numba import cuda
assert not cuda.is_available()
from kernels.gpu.driver import Gpu, install
install(Gpu((8, 0), print))
assert cuda.is_available()
assert cuda.get_current_device().compute_capability == (8, 0)
"""
    subprocess.run([sys.executable, "-c", source], check=True)
