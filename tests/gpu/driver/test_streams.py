"""Streams, events and graphs: work in the order in which it is asked for, at once or when its graph is launched."""

import ctypes

import numpy as np
import pytest

from kernels.gpu.driver.calls.events import CALLBACK, HOST_FUNCTION
from kernels.gpu.driver.table import Code

LEGACY, PER_THREAD = 1, 2
DISABLE_TIMING = 2


def stream(driver, flags=0):
    return driver.number("cuStreamCreate", flags, kind=ctypes.c_void_p)


def event(driver, flags=0):
    return driver.number("cuEventCreate", flags, kind=ctypes.c_void_p)


def captured(driver, source):
    """The number of the graph that a stream has been captured in, made ready to be launched."""
    graph = driver.number("cuStreamEndCapture", source, kind=ctypes.c_void_p, last=True)
    return driver.number("cuGraphInstantiateWithFlags", graph, 0, kind=ctypes.c_void_p)


def test_callbacks_are_called_in_order_with_what_they_were_given(driver):
    said, source = [], stream(driver)
    on_stream = CALLBACK(lambda *given: said.append(given))
    on_host = HOST_FUNCTION(lambda data: said.append(data))
    driver.cuStreamAddCallback(source, on_stream, 11, 0)
    driver.cuLaunchHostFunc(source, on_host, 12)
    driver.cuStreamAddCallback(None, on_stream, 13, 0)
    assert said == [(source, 0, 11), 12, (None, 0, 13)]


@pytest.mark.parametrize("handle", [None, LEGACY, PER_THREAD])
def test_streams_that_nobody_creates_are_there(driver, handle):
    driver.cuStreamSynchronize(handle)
    assert driver.number("cuStreamGetFlags", handle, kind=ctypes.c_uint, last=True) == 0
    driver.cuMemsetD8Async(driver.allocated(4), 1, 4, handle)


def test_a_stream_is_unknown_before_and_after(driver, refused):
    source = stream(driver, flags=1)
    assert driver.number("cuStreamGetFlags", source, kind=ctypes.c_uint, last=True) == 1
    driver.cuStreamDestroy(source)
    for handle in (source, 4711, event(driver)):
        with refused(Code.INVALID_HANDLE):
            driver.cuStreamSynchronize(handle)


def test_time_passes_between_events(driver):
    first, last = event(driver), event(driver)
    for each in (first, last):
        driver.cuEventRecord(each, None)
    passed = driver.number("cuEventElapsedTime", first, last, kind=ctypes.c_float)
    assert 0 <= passed < 1000
    assert driver.number("cuEventElapsedTime", last, first, kind=ctypes.c_float) == -passed


def test_events_without_a_time_have_none_between_them(driver, refused, capfd):
    recorded, never, untimed = event(driver), event(driver), event(driver, DISABLE_TIMING)
    driver.cuEventRecord(recorded, None)
    driver.cuEventRecord(untimed, None)
    for other in (never, untimed):
        with refused(Code.INVALID_HANDLE):
            driver.number("cuEventElapsedTime", recorded, other, kind=ctypes.c_float)
    assert capfd.readouterr().err.splitlines() == [
        "cuEventElapsedTime: an event that has not been recorded",
        "cuEventElapsedTime: an event that was created without timing",
    ]


def test_what_is_captured_is_done_at_each_launch_and_not_before(driver):
    source, said = stream(driver), []
    bytes_ = driver.gpu.memory.view(driver.allocated(8), (8,), np.uint8)
    address = bytes_.ctypes.data
    host = np.zeros(4, np.uint8)
    note = HOST_FUNCTION(lambda data: said.append(bytes(bytes_[:4])))
    driver.cuStreamBeginCapture(source, 0)
    driver.cuMemsetD8Async(address, 3, 8, source)
    driver.cuMemcpyHtoDAsync(address, host.ctypes.data, 2, source)
    driver.cuLaunchHostFunc(source, note, None)
    assert not said
    assert (bytes_ != 3).all()
    graph = captured(driver, source)
    for n in (1, 2):
        host[:] = n
        driver.cuGraphLaunch(graph, None)
    assert said == [bytes([1, 1, 3, 3]), bytes([2, 2, 3, 3])]
    driver.cuMemsetD8Async(address, 9, 8, source)  # the stream is as before
    assert (bytes_ == 9).all()


def test_a_stream_that_waits_for_captured_work_is_captured_with_it(driver):
    one, other, fork, join = stream(driver), stream(driver), event(driver), event(driver)
    said = []
    calls = [HOST_FUNCTION(lambda data, n=n: said.append(n)) for n in range(3)]
    driver.cuStreamBeginCapture(one, 0)
    driver.cuLaunchHostFunc(one, calls[0], None)
    driver.cuEventRecord(fork, one)
    driver.cuStreamWaitEvent(other, fork, 0)
    driver.cuLaunchHostFunc(other, calls[1], None)
    driver.cuEventRecord(join, other)
    driver.cuStreamWaitEvent(one, join, 0)
    driver.cuLaunchHostFunc(one, calls[2], None)
    assert driver.number("cuStreamIsCapturing", other, kind=ctypes.c_int, last=True) == 1
    graph = captured(driver, one)
    assert driver.number("cuStreamIsCapturing", other, kind=ctypes.c_int, last=True) == 0
    assert not said
    driver.cuGraphLaunch(graph, other)
    assert said == [0, 1, 2]


def test_what_a_captured_stream_cannot_do(driver, refused):
    source = stream(driver)
    driver.cuStreamBeginCapture(source, 0)
    with refused(Code.STREAM_CAPTURE_UNSUPPORTED):
        driver.cuStreamSynchronize(source)
    with refused(Code.STREAM_CAPTURE_UNSUPPORTED):
        driver.number("cuMemAllocAsync", 8, source)
    with refused(Code.STREAM_CAPTURE_UNSUPPORTED):
        driver.cuStreamBeginCapture(None, 0)
    with refused(Code.INVALID_VALUE):
        driver.cuStreamBeginCapture(source, 0)
    captured(driver, source)
    with refused(Code.INVALID_VALUE):
        captured(driver, source)


def test_what_a_graph_keeps_is_told_when_the_last_graph_is_gone(driver):
    gone = []
    destroy = HOST_FUNCTION(gone.append)
    kept = driver.number("cuUserObjectCreate", 77, destroy, 1, 1, kind=ctypes.c_void_p)
    graph = driver.number("cuGraphCreate", 0, kind=ctypes.c_void_p)
    driver.cuGraphRetainUserObject(graph, kept, 1, 0)
    ready = driver.number("cuGraphInstantiateWithFlags", graph, 0, kind=ctypes.c_void_p)
    driver.cuUserObjectRelease(kept, 1)
    driver.cuGraphDestroy(graph)
    assert not gone
    driver.cuGraphExecDestroy(ready)
    assert gone == [77]
