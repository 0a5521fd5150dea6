"""Contexts of the only device: the primary one, and others that programs create, which share all memory with it."""

from ctypes import POINTER, c_int, c_size_t, c_uint, c_void_p

from kernels.gpu.driver.gpu import gpu
from kernels.gpu.driver.table import Code, DriverError, function


class Created:
    """A context that is not the primary one."""


# CUlimit: bytes of a thread's stack, of what kernels have printed, and of what they can allocate.
limits = {0: 1024, 1: 2**20, 2: 2**23}


@function(POINTER(c_void_p), c_int)
def cuDevicePrimaryCtxRetain(context, device):
    context[0] = gpu().primary


@function(c_int)
def cuDevicePrimaryCtxRelease(device):
    pass


@function(c_int, c_uint)
def cuDevicePrimaryCtxSetFlags(device, flags):
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


def created(context):
    """Make a new context, on top of this thread's."""
    context[0] = gpu().handles.new(Created())
    gpu().contexts.stack.append(context[0])


@function(POINTER(c_void_p), c_uint, c_int)
def cuCtxCreate(context, flags, device):
    created(context)


@function(POINTER(c_void_p), c_void_p, c_uint, c_int)
def cuCtxCreate_v4(context, parameters, flags, device):
    created(context)


@function(c_void_p)
def cuCtxDestroy(context):
    gpu().handles.get(context, Created)
    gpu().handles.drop(context)
    stack = gpu().contexts.stack
    if stack and stack[-1] == context:
        stack.pop()


@function(POINTER(c_int))
def cuCtxGetDevice(device):
    if not gpu().contexts.stack:
        raise DriverError(Code.INVALID_CONTEXT)
    device[0] = 0


@function(POINTER(c_int), c_void_p)
def cuCtxGetDevice_v2(device, context):
    device[0] = 0


@function(POINTER(c_uint))
def cuCtxGetFlags(flags):
    flags[0] = 0


@function()
def cuCtxSynchronize():
    gpu().check()


@function(c_void_p)
def cuCtxSynchronize_v2(context):
    gpu().check()


@function(POINTER(c_size_t), c_int)
def cuCtxGetLimit(value, limit):
    value[0] = limits.get(limit, 0)


@function(c_int, c_size_t)
def cuCtxSetLimit(limit, value):
    """It is remembered; what it is a limit of has room as long as the machine has."""
    limits[limit] = value


@function(POINTER(c_int))
def cuCtxGetCacheConfig(config):
    config[0] = 0


@function(c_int)
def cuCtxSetCacheConfig(config):
    pass


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
