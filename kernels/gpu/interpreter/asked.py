"""numba-cuda itself, asked what its compiler would do: for what typing_table.txt has no answer to.

Nothing but typing_rules.py imports this module, when it first comes to such a question: numba-cuda takes long to load,
and longer to have all its rules registered.
"""

import operator

import numba_cuda  # noqa: F401  without which numba.cuda is an older one of Numba's own, whose rules are others
from numba import cuda
from numba.core.target_extension import target_override
from numba.cuda.descriptor import cuda_target
from numba.cuda.np.numpy_support import ufunc_find_matching_loop
from numba.cuda.ufuncs import ufunc_db
from numba.cuda.vector_types import vector_types


def typing_context():
    context = cuda_target.typing_context
    context.refresh()
    return context


def object_of(function):
    """The function itself, where it is given by a name such as "cuda.popc"."""
    return operator.attrgetter(function.removeprefix("cuda."))(cuda) if isinstance(function, str) else function


def signature(function, argument_types, keywords=None):
    """How Numba types a call, as numba.core.typing.Signature. Raises NumbaError, or returns None, if it does not."""
    with target_override("cuda"):
        return typing_context().resolve_function_type(object_of(function), argument_types, keywords or {})


def unified(first, second):
    return typing_context().unify_types(first, second)


def loop(ufunc, argument_types):
    """The loop of a function of NumPy that takes such numbers: its `.inputs` and `.outputs`; None if there is none."""
    found = ufunc_find_matching_loop(ufunc, argument_types)
    return found if found is not None and found.ufunc_sig in ufunc_db().get(ufunc, ()) else None


def attribute(type_, name):
    """The type of an attribute of a value of some type, of a method one that a call of it is typed by; or None."""
    return typing_context().resolve_getattr(type_, name)


def type_of(thing):
    """The type of a Python object that a kernel names. Raises many kinds of errors for what has none."""
    return typing_context().resolve_value_type(thing)


def vector_type(name):
    """The type of that name, such as "float32x4": `.attr_names` are those of its parts."""
    return vector_types[name]


def allocates():
    """Whether kernels may make arrays of their own, for which Numba's runtime must be switched on."""
    return cuda_target.target_context.enable_nrt


def templates(function):
    """What types the calls of a function: among them those that @overload made."""
    with target_override("cuda"):
        return getattr(type_of(function), "templates", ())


def implementation(function, typing):
    """What builds the code of a call of such a signature, called with a builder and its arguments."""
    context = cuda_target.target_context
    context.refresh()
    return context.get_function(function, typing)
