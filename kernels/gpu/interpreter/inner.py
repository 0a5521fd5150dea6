"""A function or a lambda that a kernel defines: rewritten where it is called, with what it takes from around it.

offset = 2
moved = lambda i: i + offset            moved(i) is rewritten as a call of (i, offset)
"""

import ast

from kernels.gpu.interpreter.errors import Unsupported


class Inner:
    """The source of a function within a function, as far as rewriting wants to know: see kernels/gpu/source.py.

    What it uses of the variables around it, `taken`, is given to it by whoever calls it, behind its own arguments.
    """

    def __init__(self, outer, node):
        self.outer, self.node, self.function = outer, node, outer.source.function
        self.name = getattr(node, "name", "lambda")
        self.file = outer.source.file
        spec = node.args
        is_constant = all(isinstance(default, ast.Constant) for default in spec.defaults)
        if spec.kwonlyargs or spec.vararg or spec.kwarg or spec.posonlyargs or not is_constant:
            raise Unsupported(f"{self.name} within a kernel takes plain arguments, with numbers for defaults")
        own = [argument.arg for argument in spec.args]
        inside = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
        stored = {part.id for part in inside if isinstance(part.ctx, ast.Store)}
        used = dict.fromkeys(part.id for part in inside)
        self.taken = [name for name in used if name in outer.local_names and name not in {*own, *stored}]
        self.own, self.arguments = own, (*own, *self.taken)
        self.defaults = dict(zip(own[len(own) - len(spec.defaults) :], spec.defaults, strict=True))

    def names(self):
        return self.outer.names

    def tree(self):
        """Its definition, with what it takes among its arguments."""
        parameters = ast.arguments([], [ast.arg(name) for name in self.arguments], None, [], [], None, [])
        body = self.node.body if isinstance(self.node.body, list) else [ast.Return(self.node.body)]
        tree = ast.copy_location(ast.FunctionDef(self.name, parameters, body, []), self.node)
        return ast.fix_missing_locations(tree)


def defined(function, node):
    """What a definition or a lambda defines: the same for the same place, however often it is rewritten."""
    if getattr(node, "decorator_list", ()):
        raise Unsupported(f"{node.name} has a decorator, which a function within a kernel must not have")
    if node not in function.inners:
        function.inners[node] = Inner(function, node)
    return function.inners[node]


def called(function, node, inner, arguments, keywords):
    """A call of such a function."""
    if inner.taken and inner.outer is not function:
        raise Unsupported(f"{inner.name} is called outside of {inner.outer.source.name}, which defines it")
    refuse_stars(inner.name, node)
    given = dict(zip(inner.own, arguments, strict=False), **keywords)
    if set(given) - set(inner.own) or len(given) < len(arguments) + len(keywords):
        raise Unsupported(f"{inner.name} takes {', '.join(inner.own)}, each once")
    given = {name: function.expression(default) for name, default in inner.defaults.items()} | given
    if len(given) < len(inner.own):
        raise Unsupported(f"{inner.name} takes {', '.join(inner.own)}, given {len(arguments)}")
    taken = [function.visit_Name(ast.copy_location(ast.Name(name, ast.Load()), node)) for name in inner.taken]
    return function.call_rewritten(node, inner, [*(given[name] for name in inner.own), *taken])


def refuse_stars(name, node):
    """Raises Unsupported for f(*t) of a function whose lines Numba puts in the place of the call."""
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        raise Unsupported(f"{ast.unparse(node)}: {name} takes no *: give the arguments one by one")
