"""The definition of a function as it is rewritten: literals folded, one name for the target of a loop, no match."""

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
        definition = Simplified().visit(FoldLiterals().visit(source.tree()))
        if definition.args.vararg:  # a tuple, when it is called
            definition.args.args.append(definition.args.vararg)
            definition.args.vararg = None
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


class Simplified(ast.NodeTransformer):
    """Has each loop assign to one name: `for i, (a, b) in ...` becomes `for item in ...` and `i, (a, b) = item`.

    And makes ifs of a match whose cases are values, with | between them, or names.
    """

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

    def visit_Match(self, node):
        self.generic_visit(node)
        self.count += 1
        subject = f"$item{self.count}"
        kept = ast.copy_location(ast.Assign([ast.Name(subject, ast.Store())], node.subject), node)
        branches: list[ast.stmt] = []
        for case in reversed(node.cases):
            match case.pattern:
                case ast.MatchAs(None, None) if case.guard is None:
                    branches = case.body
                case ast.MatchAs(None, str(name)) if case.guard is None:
                    named = ast.Assign([ast.Name(name, ast.Store())], ast.Name(subject, ast.Load()))
                    branches = [ast.copy_location(named, case.pattern), *case.body]
                case ast.MatchAs(None, None):
                    branches = [ast.copy_location(ast.If(case.guard, case.body, branches), case.pattern)]
                case ast.MatchValue() | ast.MatchOr():
                    test = is_one_of(subject, case.pattern)
                    if test is None:
                        return node
                    test = test if case.guard is None else ast.BoolOp(ast.And(), [test, case.guard])
                    branches = [ast.copy_location(ast.If(test, case.body, branches), case.pattern)]
                case _:
                    return node
        return [ast.fix_missing_locations(statement) for statement in (kept, *branches)]


def is_one_of(subject, pattern):
    """The comparison of what a match looks at with a value, or with several; None for other patterns."""
    patterns = pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]
    values = [each.value for each in patterns if isinstance(each, ast.MatchValue)]
    if len(values) < len(patterns):
        return None
    tests: list[ast.expr] = [ast.Compare(ast.Name(subject, ast.Load()), [ast.Eq()], [value]) for value in values]
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests)
