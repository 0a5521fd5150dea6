"""Run a module's tests with unittest, and write what becomes of each into a file, a line of JSON at once:

    python -m benchmarks.unittested MODULE FILE SECONDS

A test is written down when it begins and when it ends. One that takes longer than so many seconds ends the process, as
one that crashes does; run again with the same file, the process goes on behind it, so all others are run.
"""

import faulthandler
import importlib.util
import json
import sys
import time
import traceback
import types
import unittest
from pathlib import Path

ONLY_SIMULATED, NEVER_SIMULATED = "only under the simulator", "not under the simulator"
PASSED, FAILED, ERROR, SKIPPED = "passed", "failed", "error", "skipped"


class Written(unittest.TestResult):
    """Writes each test's outcome: its name, the outcome, why, and the seconds it took."""

    def __init__(self, file, limit: float):
        super().__init__()
        self.file, self.limit, self.outcome = file, limit, (PASSED, "")

    def write(self, **line) -> None:
        print(json.dumps(line), file=self.file, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.write(test=test.id())
        self.began, self.outcome = time.perf_counter(), (PASSED, "")
        faulthandler.dump_traceback_later(self.limit, exit=True)

    def stopTest(self, test):
        faulthandler.cancel_dump_traceback_later()
        outcome, reason = self.outcome
        self.write(test=test.id(), outcome=outcome, reason=reason, seconds=time.perf_counter() - self.began)
        super().stopTest(test)

    def ended(self, test, outcome, reason) -> None:
        """A test has come to something; a class or a module that cannot be set up is written as a test is."""
        if isinstance(test, unittest.TestCase):
            if self.outcome[0] != ERROR:
                self.outcome = outcome, reason
        else:
            self.write(test=test.id(), outcome=outcome, reason=reason, seconds=0.0)

    def addFailure(self, test, err):
        self.ended(test, FAILED, last_line(err))

    def addError(self, test, err):
        is_missing = isinstance(test, Whole) and issubclass(err[0], ModuleNotFoundError)
        if is_missing or issubclass(err[0], unittest.SkipTest) or err[0].__name__ == "Skipped":  # as pytest calls it
            self.ended(test, SKIPPED, str(err[1]))
        else:
            self.ended(test, ERROR, last_line(err))

    def addSubTest(self, test, subtest, err):
        if err is not None:
            is_failure = issubclass(err[0], test.failureException)
            (self.addFailure if is_failure else self.addError)(test, err)

    def addSkip(self, test, reason):
        self.ended(test, SKIPPED, reason)

    def addUnexpectedSuccess(self, test):
        self.ended(test, FAILED, "passes, where it is expected to fail")


def last_line(err) -> str:
    """What an exception says of itself in one line; one that says nothing is told by the line that raised it."""
    said = "".join(traceback.format_exception_only(err[0], err[1])).strip().splitlines()
    first = next((line.strip() for line in said if line.strip()), err[0].__name__)
    where = traceback.extract_tb(err[2])
    return f"{first}: {where[-1].line}" if first == err[0].__name__ and where else first


def tests_of(name: str):
    """All tests of a module: its cases, and functions as pytest finds them."""
    module = importlib.import_module(name)
    functions = [each for key, each in vars(module).items() if key.startswith("test_") and is_test(each, name)]
    cases = [Named(each) for each in functions if not hasattr(each, "pytestmark")]
    return unittest.TestSuite([unittest.defaultTestLoader.loadTestsFromModule(module), *cases])


def is_test(function, module: str) -> bool:
    """Whether it is a function of this module that takes nothing."""
    code = getattr(function, "__code__", None)
    return code is not None and function.__module__ == module and not code.co_argcount


class Named(unittest.FunctionTestCase):
    """A function as a test, named as the others are."""

    def id(self):
        return f"{self._testFunc.__module__}.{self._testFunc.__name__}"


def each_of(suite):
    """The cases in a suite of suites."""
    for test in suite:
        yield from each_of(test) if isinstance(test, unittest.TestSuite) else [test]


def prepare() -> None:
    """What the suite's own configuration of pytest does for its cases.

    Besides: who is skipped for the simulator's sake says so; and where cffi is missing only those tests are skipped
    that use it, not the modules that import it.
    """
    from numba.cuda import testing

    testing.CUDATestCase._dump_failed_filechecks = False
    for name, words in (("skip_unless_cudasim", ONLY_SIMULATED), ("skip_on_cudasim", NEVER_SIMULATED)):
        original = getattr(testing, name)
        setattr(testing, name, lambda reason, original=original, words=words: original(f"{words}: {reason}"))
    if importlib.util.find_spec("cffi") is None:
        sys.modules["cffi"] = types.ModuleType("cffi")
        vars(sys.modules["cffi"])["FFI"] = missing_ffi


def missing_ffi():
    """cffi.FFI() where there is no cffi: nothing to a module, which may not need it, and a reason to skip to a test."""
    if sys._getframe(1).f_code.co_name != "<module>":
        raise unittest.SkipTest("requires cffi")


def main(name: str, path: str, limit: str) -> None:
    """Run those of the module's tests that the file does not name."""
    before = (
        {json.loads(line)["test"] for line in Path(path).read_text().splitlines()} if Path(path).exists() else set()
    )
    with Path(path).open("a") as file:
        result = Written(file, float(limit))
        try:
            prepare()
            tests = [test for test in each_of(tests_of(name)) if test.id() not in before]
        except BaseException as error:  # pytest.skip raises no Exception
            result.addError(Whole(name), (type(error), error, error.__traceback__))
        else:
            unittest.TestSuite(tests).run(result)
        result.write(test="")  # the end


class Whole:
    """A module that cannot be imported, in place of its tests."""

    def __init__(self, name: str):
        self.id = lambda: name


if __name__ == "__main__":
    main(*sys.argv[1:])
