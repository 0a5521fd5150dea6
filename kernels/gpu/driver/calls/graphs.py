"""Graphs that are captured from streams, and launched: their work is done in the order in which it was captured."""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

from kernels.gpu.driver.calls.events import HOST_FUNCTION
from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.streams import DEFAULT, Graph, Runnable, Stream, UserObject, do, stream_of
from kernels.gpu.driver.table import Code, DriverError, function

NONE, ACTIVE = 0, 1  # CUstreamCaptureStatus
MOVE = 1  # CU_GRAPH_USER_OBJECT_MOVE: the graph takes references of who calls


class Instantiation(ctypes.Structure):
    """CUDA_GRAPH_INSTANTIATE_PARAMS."""

    _fields_ = [("flags", c_uint64), ("upload", c_void_p), ("node", c_void_p), ("result", c_int)]


def begin(handle, graph):
    """Capture a stream from now on."""
    if handle in DEFAULT[:3]:
        raise DriverError(Code.STREAM_CAPTURE_UNSUPPORTED, "the default stream cannot be captured")
    stream = stream_of(handle)
    if stream.graph is not None:
        raise DriverError(Code.INVALID_VALUE, "the stream is captured already")
    stream.graph = graph


@function(c_void_p, c_int)
def cuStreamBeginCapture(stream, mode):
    begin(stream, Graph())


@function(c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_int)
def cuStreamBeginCaptureToGraph(stream, graph, dependencies, data, count, mode):
    begin(stream, gpu().handles.get(graph, Graph))


@function(c_void_p, POINTER(c_void_p))
def cuStreamEndCapture(stream, graph):
    """Also of all streams that were captured with it."""
    found = stream_of(stream).graph
    if found is None:
        raise DriverError(Code.INVALID_VALUE, "the stream is not captured")
    for each in gpu().handles.objects.values():
        if isinstance(each, Stream) and each.graph is found:
            each.graph = None
    graph[0] = handle_of(found)


def handle_of(graph):
    """The number of a graph, which has one if it was created by itself or asked for before."""
    objects = gpu().handles.objects
    return next((number for number, each in objects.items() if each is graph), None) or gpu().handles.new(graph)


def captured(stream, status, number, graph):
    """Write what a stream is captured in to where it is asked for."""
    found = stream_of(stream).graph
    status[0] = NONE if found is None else ACTIVE
    if found is not None:
        for where in (number, graph):
            if where:
                where[0] = handle_of(found)


@function(c_void_p, POINTER(c_int))
def cuStreamIsCapturing(stream, status):
    captured(stream, status, None, None)


@function(c_void_p, POINTER(c_int), POINTER(c_uint64), POINTER(c_void_p), c_void_p, POINTER(c_size_t))
def cuStreamGetCaptureInfo(stream, status, number, graph, dependencies, count):
    captured(stream, status, number, graph)
    if count:
        count[0] = 0


@function(c_void_p, POINTER(c_int), POINTER(c_uint64), POINTER(c_void_p), c_void_p, c_void_p, POINTER(c_size_t))
def cuStreamGetCaptureInfo_v3(stream, status, number, graph, dependencies, data, count):
    captured(stream, status, number, graph)
    if count:
        count[0] = 0


@function(POINTER(c_int))
def cuThreadExchangeStreamCaptureMode(mode):
    """What is not safe while a stream is captured is safe here in any mode."""


@function(POINTER(c_void_p), c_uint)
def cuGraphCreate(graph, flags):
    graph[0] = gpu().handles.new(Graph())


@function(POINTER(c_void_p), c_void_p)
def cuGraphClone(clone, graph):
    clone[0] = gpu().handles.new(gpu().handles.get(graph, Graph).copy())


@function(c_void_p)
def cuGraphDestroy(graph):
    gpu().handles.get(graph, Graph).end()
    gpu().handles.drop(graph)


def ready(graph):
    """A number for a graph as it is now, to be launched."""
    return gpu().handles.new(Runnable(gpu().handles.get(graph, Graph).copy()))


@function(POINTER(c_void_p), c_void_p, c_uint64)
def cuGraphInstantiateWithFlags(runnable, graph, flags):
    runnable[0] = ready(graph)


@function(POINTER(c_void_p), c_void_p, POINTER(Instantiation))
def cuGraphInstantiateWithParams(runnable, graph, parameters):
    runnable[0] = ready(graph)
    parameters[0].node, parameters[0].result = None, 0


@function(c_void_p, c_void_p, c_void_p)
def cuGraphExecUpdate(runnable, graph, result):
    updated, new = gpu().handles.get(runnable, Runnable), gpu().handles.get(graph, Graph).copy()
    updated.graph.end()
    updated.graph = new
    if result:
        ctypes.memset(result, 0, 24)  # CUgraphExecUpdateResultInfo: it went well


@function(c_void_p, c_void_p)
def cuGraphUpload(runnable, stream):
    gpu().handles.get(runnable, Runnable)


@function(c_void_p, c_void_p)
def cuGraphLaunch(runnable, stream):
    do(stream, gpu().handles.get(runnable, Runnable).graph.run)


@function(c_void_p)
def cuGraphExecDestroy(runnable):
    gpu().handles.get(runnable, Runnable).graph.end()
    gpu().handles.drop(runnable)


@function(POINTER(c_void_p), c_void_p, HOST_FUNCTION, c_uint, c_uint)
def cuUserObjectCreate(found, address, destroy, count, flags):
    found[0] = gpu().handles.new(UserObject(lambda: destroy(address), count))


@function(c_void_p, c_uint)
def cuUserObjectRetain(found, count):
    gpu().handles.get(found, UserObject).count += count


@function(c_void_p, c_uint)
def cuUserObjectRelease(found, count):
    gpu().handles.get(found, UserObject).release(count)


@function(c_void_p, c_void_p, c_uint, c_uint)
def cuGraphRetainUserObject(graph, found, count, flags):
    each = gpu().handles.get(found, UserObject)
    gpu().handles.get(graph, Graph).kept.extend(count * [each])
    each.count += 0 if flags & MOVE else count


@function(c_void_p, c_void_p, c_uint)
def cuGraphReleaseUserObject(graph, found, count):
    each = gpu().handles.get(found, UserObject)
    for _ in range(count):
        gpu().handles.get(graph, Graph).kept.remove(each)
    each.release(count)


@function(c_void_p, c_char_p, c_uint)
def cuGraphDebugDotPrint(graph, path, flags):
    raise DriverError(Code.NOT_SUPPORTED, "no picture is drawn of a graph")
