"""Contexts: all are the primary one of the only device."""

from ctypes import POINTER, c_int, c_uint, c_void_p

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.table import Code, DriverError, function


@function(POINTER(c_void_p), c_int)
def cuDevicePrimaryCtxRetain(context, device):
    context[0] = gpu().primary


@function(c_int)
def cuDevicePrimaryCtxRelease(device):
    pass


@function(c_int)
def cuDevicePrimaryCtxReset(device):
    gpu().failed = None


@function(c_int, POINTER(c_uint), POINTER(c_int))
def cuDevicePrimaryCtxGetState(device, flags, active):
    flags[0], active[0] = 0, 1


@function(POINTER(c_void_p))
def cuCtxGetCurrent(context):
    stack = gpu().contexts.stack
    context[0] = stack[-1] if stack else None


@function(c_void_p)
def cuCtxSetCurrent(context):
    stack = gpu().contexts.stack
    del stack[-1:]
    if context:
        stack.append(context)


@function(c_void_p)
def cuCtxPushCurrent(context):
    gpu().contexts.stack.append(context)


@function(POINTER(c_void_p))
def cuCtxPopCurrent(context):
    stack = gpu().contexts.stack
    if not stack:
        raise DriverError(Code.INVALID_CONTEXT)
    popped = stack.pop()
    if context:
        context[0] = popped


@function(POINTER(c_int))
def cuCtxGetDevice(device):
    if not gpu().contexts.stack:
        raise DriverError(Code.INVALID_CONTEXT)
    device[0] = 0


@function(c_void_p, POINTER(c_int))
def cuCtxGetDevice_v2(device, context):
    device[0] = 0


@function()
def cuCtxSynchronize():
    gpu().check()


@function(c_void_p, POINTER(c_uint))
def cuCtxGetApiVersion(context, version):
    version[0] = 3020


@function(POINTER(c_int), POINTER(c_int))
def cuCtxGetStreamPriorityRange(least, greatest):
    for each in (least, greatest):
        if each:
            each[0] = 0


@function()
def cuProfilerStart():
    pass


@function()
def cuProfilerStop():
    pass
