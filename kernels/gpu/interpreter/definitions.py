"""The definition of a function as it is rewritten: its literals folded, each loop with one name for a target."""

import ast
import weakref

from kernels.gpu.interpreter.expressions import FoldLiterals
from kernels.gpu.interpreter.inner import Inner

_definitions: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def definition_of(source):
    """The tree of a function, its literals folded, and the names that are local to it.

    Found once for all that differ in constants and for all places that call it: who rewrites a tree leaves it as it is.
    """
    if isinstance(source, Inner):
        definition = source.tree()  # a part of one that was simplified already
        return definition, assigned_in(definition)
    if source.function not in _definitions:
        definition = SimpleTargets().visit(FoldLiterals().visit(source.tree()))
        _definitions[source.function] = definition, assigned_in(definition)
    return _definitions[source.function]


def assigned_in(definition):
    """The names that are local to a function; those of a function within it are its own."""
    names = {argument.arg for argument in definition.args.args}
    waiting = list(definition.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return names


class SimpleTargets(ast.NodeTransformer):
    """Has each loop assign to one name: `for i, (a, b) in ...` becomes `for item in ...` and `i, (a, b) = item`."""

    count = 0

    def visit_For(self, node):
        if not isinstance(node.target, ast.Name):
            self.count += 1
            item = f"$item{self.count}"
            unpacked = ast.Assign([node.target], ast.Name(item, ast.Load()))
            node.body.insert(0, ast.copy_location(unpacked, node.target))
            node.target = ast.copy_location(ast.Name(item, ast.Store()), node.target)
            ast.fix_missing_locations(node)
        self.generic_visit(node)
        return node
