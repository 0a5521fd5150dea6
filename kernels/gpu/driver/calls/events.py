"""Streams and events: work is done in the order in which it is asked for, so an event has come once it is recorded."""

import ctypes
import time
from ctypes import CFUNCTYPE, POINTER, c_float, c_int, c_uint, c_void_p

from kernels.gpu.driver.gpu import Event, Stream, gpu
from kernels.gpu.driver.table import Code, DriverError, function

CALLBACK = CFUNCTYPE(None, c_void_p, c_int, c_void_p)
HOST_FUNCTION = CFUNCTYPE(None, c_void_p)
CAPTURE_NONE = 0


@function(POINTER(c_void_p), c_uint)
def cuStreamCreate(stream, flags):
    stream[0] = gpu().handles.new(Stream(flags))


@function(POINTER(c_void_p), c_uint, c_int)
def cuStreamCreateWithPriority(stream, flags, priority):
    stream[0] = gpu().handles.new(Stream(flags))


@function(c_void_p)
def cuStreamDestroy(stream):
    gpu().handles.drop(stream)


@function(c_void_p)
def cuStreamSynchronize(stream):
    gpu().check()


@function(c_void_p)
def cuStreamQuery(stream):
    gpu().check()


@function(c_void_p, c_void_p, c_uint)
def cuStreamWaitEvent(stream, event, flags):
    gpu().handles.get(event, Event)


@function(c_void_p, POINTER(c_uint))
def cuStreamGetFlags(stream, flags):
    flags[0] = gpu().handles.get(stream, Stream).flags if stream and stream > 2 else 0


@function(c_void_p, POINTER(c_int))
def cuStreamGetPriority(stream, priority):
    priority[0] = 0


@function(c_void_p, POINTER(c_void_p))
def cuStreamGetCtx(stream, context):
    context[0] = gpu().primary


@function(c_void_p, POINTER(c_int))
def cuStreamIsCapturing(stream, status):
    status[0] = CAPTURE_NONE


@function(c_void_p, CALLBACK, c_void_p, c_uint)
def cuStreamAddCallback(stream, callback, data, flags):
    callback(stream, 0, data)


@function(c_void_p, HOST_FUNCTION, c_void_p)
def cuLaunchHostFunc(stream, callback, data):
    callback(data)


@function(POINTER(c_void_p), c_uint)
def cuEventCreate(event, flags):
    event[0] = gpu().handles.new(Event())


@function(c_void_p)
def cuEventDestroy(event):
    gpu().handles.drop(event)


@function(c_void_p, c_void_p)
def cuEventRecord(event, stream):
    gpu().handles.get(event, Event).time = time.perf_counter()


@function(c_void_p, c_void_p, c_uint)
def cuEventRecordWithFlags(event, stream, flags):
    gpu().handles.get(event, Event).time = time.perf_counter()


@function(c_void_p)
def cuEventQuery(event):
    gpu().handles.get(event, Event)


@function(c_void_p)
def cuEventSynchronize(event):
    gpu().check()


@function(POINTER(c_float), c_void_p, c_void_p)
def cuEventElapsedTime(milliseconds, start, end):
    first, last = (gpu().handles.get(each, Event).time for each in (start, end))
    if first is None or last is None:
        raise DriverError(Code.INVALID_HANDLE)
    milliseconds[0] = ctypes.c_float(1000 * (last - first)).value
