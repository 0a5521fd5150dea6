"""The device, its attributes and contexts, and by which address each function is found."""

import ctypes
import threading

import pytest
from cuda.bindings.driver import CUdevice_attribute

from kernels.gpu.driver.attributes import CARDS, attributes
from kernels.gpu.driver.calls.events import HOST_FUNCTION
from kernels.gpu.driver.table import FUNCTIONS, SINCE, Code, exported, of_version
from kernels.gpu.occupancy import LIMITS

NAMES = {each.name.removeprefix("CU_DEVICE_ATTRIBUTE_") for each in CUdevice_attribute}


@pytest.mark.parametrize("capability", CARDS)
def test_each_card_has_limits_and_attributes_that_cuda_knows(capability):
    assert capability in LIMITS
    assert set(attributes(capability)) <= NAMES


def test_a_device_says_what_it_is(driver, refused):
    assert driver.number("cuDeviceGetCount", kind=ctypes.c_int) == 1
    name = ctypes.create_string_buffer(40)
    driver.cuDeviceGetName(name, 40, 0)
    assert name.value == b"Emulated H100"
    driver.cuDeviceGetName(name, 5, 0)
    assert name.value == b"Emul"
    number = int(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
    assert driver.number("cuDeviceGetAttribute", number, 0, kind=ctypes.c_int) == 9
    with refused(Code.INVALID_DEVICE):
        driver.number("cuDeviceGet", 1, kind=ctypes.c_int)


def test_errors_have_names(driver):
    assert driver.text("cuGetErrorName", 700, last=True) == "CUDA_ERROR_ILLEGAL_ADDRESS"


@pytest.mark.parametrize(
    ("name", "version", "full"),
    [
        ("cuCtxGetDevice", 2000, "cuCtxGetDevice"),
        ("cuCtxGetDevice", 12990, "cuCtxGetDevice"),
        ("cuCtxGetDevice", 13000, "cuCtxGetDevice_v2"),
        ("cuCtxCreate", 3020, "cuCtxCreate"),
        ("cuCtxCreate", 13010, "cuCtxCreate_v4"),
        ("cuMemAlloc", 3020, "cuMemAlloc"),
    ],
)
def test_a_function_is_that_of_the_version_that_is_asked_for(name, version, full):
    assert of_version(name, version) == full
    assert full in FUNCTIONS


def test_each_function_has_a_name_of_its_own():
    functions = exported()
    assert set(SINCE) <= set(FUNCTIONS) <= set(functions)
    assert functions["cuMemAlloc_v2"] is functions["cuMemAlloc"]
    assert functions["cuCtxGetDevice_v2"] is not functions["cuCtxGetDevice"]


def context(driver):
    return driver.number("cuCtxGetCurrent", kind=ctypes.c_void_p)


def test_contexts_are_a_stack_of_each_thread(driver, refused):
    primary = driver.number("cuDevicePrimaryCtxRetain", 0, kind=ctypes.c_void_p)
    assert context(driver) is None
    driver.cuCtxPushCurrent(primary)
    own = driver.number("cuCtxCreate", 0, 0, kind=ctypes.c_void_p)
    assert context(driver) == own != primary
    others = []
    thread = threading.Thread(target=lambda: others.append(context(driver)))
    thread.start()
    thread.join()
    assert others == [None]
    assert driver.number("cuCtxPopCurrent", kind=ctypes.c_void_p) == own
    assert context(driver) == primary
    driver.cuCtxSetCurrent(None)
    assert context(driver) is None
    with refused(Code.INVALID_CONTEXT):
        driver.number("cuCtxPopCurrent", kind=ctypes.c_void_p)
    with refused(Code.INVALID_CONTEXT):
        driver.number("cuCtxGetDevice", kind=ctypes.c_int)


def test_a_failed_kernel_is_the_end_of_the_context_until_it_is_reset(driver, refused):
    address = driver.allocated(8)
    driver.gpu.failed = Code.LAUNCH_FAILED
    for call in (driver.cuCtxSynchronize, lambda: driver.allocated(8), lambda: driver.cuMemsetD8(address, 0, 8)):
        with refused(Code.LAUNCH_FAILED):
            call()
    driver.cuDevicePrimaryCtxReset(0)
    driver.cuCtxSynchronize()


def test_what_goes_wrong_here_is_shown_and_unknown_to_c(driver, refused, capfd, monkeypatch):
    monkeypatch.setattr(driver.gpu, "memory", None)
    with refused(Code.UNKNOWN):
        driver.allocated(8)
    assert "AttributeError" in capfd.readouterr().err


def test_functions_are_called_one_at_a_time_from_any_threads(driver):
    """Numbers of streams and addresses of memory are all different, and a callback may call again."""
    found = []

    def work():
        for _ in range(100):
            found.extend((driver.number("cuStreamCreate", 0, kind=ctypes.c_void_p), driver.allocated(8)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == len(set(found)) == 800
    again = HOST_FUNCTION(lambda data: found.append(driver.allocated(8)))
    driver.cuLaunchHostFunc(None, again, None)
    assert len(set(found)) == 801


def test_limits_are_remembered(driver):
    driver.cuCtxSetLimit(2, 12345)
    assert driver.number("cuCtxGetLimit", 2, kind=ctypes.c_size_t) == 12345
