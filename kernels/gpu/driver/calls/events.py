"""Streams and events: work is done in the order in which it is asked for, so an event has come once it is recorded."""

import ctypes
import time
from ctypes import CFUNCTYPE, POINTER, c_float, c_int, c_uint, c_uint64, c_void_p

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.streams import Event, Stream, do, stream_of, wait
from kernels.gpu.driver.table import Code, DriverError, function

CALLBACK = CFUNCTYPE(None, c_void_p, c_int, c_void_p)
HOST_FUNCTION = CFUNCTYPE(None, c_void_p)
DISABLE_TIMING = 2  # CUevent_flags


@function(POINTER(c_void_p), c_uint)
def cuStreamCreate(stream, flags):
    stream[0] = gpu().handles.new(Stream(flags))


@function(POINTER(c_void_p), c_uint, c_int)
def cuStreamCreateWithPriority(stream, flags, priority):
    stream[0] = gpu().handles.new(Stream(flags))  # there is one priority, 0, to which all others are rounded


@function(c_void_p)
def cuStreamDestroy(stream):
    gpu().handles.get(stream, Stream)
    gpu().handles.drop(stream)


@function(c_void_p)
def cuStreamSynchronize(stream):
    wait(stream)


@function(c_void_p)
def cuStreamQuery(stream):
    wait(stream)


@function(c_void_p, c_void_p, c_uint)
def cuStreamWaitEvent(stream, event, flags):
    """A stream that waits for what is captured elsewhere is captured in the same graph."""
    graph = gpu().handles.get(event, Event).graph
    waiting = stream_of(stream)
    if graph is not None and waiting.graph is None:
        waiting.graph = graph


@function(c_void_p, POINTER(c_uint))
def cuStreamGetFlags(stream, flags):
    flags[0] = stream_of(stream).flags


@function(c_void_p, POINTER(c_int))
def cuStreamGetPriority(stream, priority):
    priority[0] = stream_of(stream).priority


@function(c_void_p, POINTER(c_uint64))
def cuStreamGetId(stream, number):
    stream_of(stream)
    number[0] = stream or 0


@function(c_void_p, POINTER(c_int))
def cuStreamGetDevice(stream, device):
    stream_of(stream)
    device[0] = 0


@function(c_void_p, POINTER(c_void_p))
def cuStreamGetCtx(stream, context):
    stream_of(stream)
    context[0] = gpu().primary


@function(c_void_p, POINTER(c_void_p), POINTER(c_void_p))
def cuStreamGetCtx_v2(stream, context, green_context):
    stream_of(stream)
    context[0] = gpu().primary
    if green_context:
        green_context[0] = None


@function(c_void_p, CALLBACK, c_void_p, c_uint)
def cuStreamAddCallback(stream, callback, data, flags):
    do(stream, lambda: callback(stream, 0, data))


@function(c_void_p, HOST_FUNCTION, c_void_p)
def cuLaunchHostFunc(stream, callback, data):
    do(stream, lambda: callback(data))


@function(POINTER(c_void_p), c_uint)
def cuEventCreate(event, flags):
    event[0] = gpu().handles.new(Event(not flags & DISABLE_TIMING))


@function(c_void_p)
def cuEventDestroy(event):
    gpu().handles.get(event, Event)
    gpu().handles.drop(event)


def record(event, stream):
    recorded = gpu().handles.get(event, Event)
    recorded.graph = stream_of(stream).graph
    if recorded.graph is None:
        recorded.time = time.perf_counter()


@function(c_void_p, c_void_p)
def cuEventRecord(event, stream):
    record(event, stream)


@function(c_void_p, c_void_p, c_uint)
def cuEventRecordWithFlags(event, stream, flags):
    record(event, stream)


@function(c_void_p)
def cuEventQuery(event):
    gpu().handles.get(event, Event)
    gpu().check()


@function(c_void_p)
def cuEventSynchronize(event):
    gpu().handles.get(event, Event)
    gpu().check()


@function(POINTER(c_float), c_void_p, c_void_p)
def cuEventElapsedTime(milliseconds, start, end):
    first, last = (gpu().handles.get(each, Event) for each in (start, end))
    if first.time is None or last.time is None:
        raise DriverError(Code.INVALID_HANDLE, "an event that has not been recorded")
    if not (first.is_timed and last.is_timed):
        raise DriverError(Code.INVALID_HANDLE, "an event that was created without timing")
    milliseconds[0] = ctypes.c_float(1000 * (last.time - first.time)).value
