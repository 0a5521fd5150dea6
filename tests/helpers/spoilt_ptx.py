"""PTX that something has spoilt: characters, tokens and lines changed, lost, doubled; numbers made absurd.

    python -m tests.helpers.spoilt_ptx SEED COUNT FILE ...

tries so many changed texts and ends with 0 if each is translated to LLVM that is correct, or refused with a PtxError of
one line. It stands in a process of its own, so that a crash of LLVM is seen as one.
"""

import random
import re
import resource
import signal
import sys
import traceback
from pathlib import Path

import llvmlite.binding as llvm

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.native import Code, compiled
from kernels.gpu.emulator.parser import parse
from kernels.gpu.emulator.translate import STEP, translate

SECONDS = 20  # that one text may take, on a slow machine that does other things as well
MEMORY = 6 * 2**30
TOKEN = re.compile(r"[\w.%$:]+|\S|\s+")
NUMBERS = """0 -1 1 7 65536 4294967296 99999999999999999999 -2147483649 0x7FFFFFFFFFFFFFFF 0d7FF8000000000000
0f7FC00000 1e400 017 089 0b102 1.5"""
WORDS = """.b128 .f16 .pred .v4 .v2 .b8 %tid.x _ ! | { } [ ] ( ) ; , @ ret bra call .reg .shared .align .const .entry
.func %clock64 WARP_SZ + - < > = .sat .ftz .wide .cc " /* //"""
CHARACTERS = "aZ09.%$_;:,{}[]()<>@!|+-*/\\\"'\n \t\0é"


def changed(text: str, chance: random.Random) -> str:
    """The text with a few changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        text = chance.choice(CHANGES)(text, chance)
    return text


def characters(text, chance):
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(("", chance.choice(CHARACTERS))) + text[at + chance.choice((0, 1, 1, 5)) :]


def tokens(text, chance):
    found = TOKEN.findall(text) or [text]
    at, other = chance.randrange(len(found)), chance.randrange(len(found))
    match chance.randrange(5):
        case 0:
            found[at] = found[other]
        case 1:
            found[at], found[other] = found[other], found[at]
        case 2:
            found[at] = ""
        case 3:
            found[at] = chance.choice(WORDS.split())
        case 4:
            found.insert(at, f" {chance.choice(WORDS.split())} ")
    return "".join(found)


def modifiers(text, chance):
    """Another type or modifier in an instruction, of those that occur."""
    found = list(re.finditer(r"\.[a-z]\w*", text))
    if not found:
        return text
    at, other = chance.choice(found), chance.choice(found)
    return text[: at.start()] + chance.choice((other[0], "", at[0] * 2)) + text[at.end() :]


def numbers(text, chance):
    found = list(re.finditer(r"\b\d\w*\b", text))
    if not found:
        return text
    at = chance.choice(found)
    return text[: at.start()] + chance.choice(NUMBERS.split()) + text[at.end() :]


def lines(text, chance):
    found = text.splitlines(keepends=True) or [text]
    at, other = chance.randrange(len(found)), chance.randrange(len(found))
    match chance.randrange(4):
        case 0:
            del found[at]
        case 1:
            found.insert(at, found[other])
        case 2:
            found[at], found[other] = found[other], found[at]
        case 3:
            found = found[: at + 1]
    return "".join(found)


def truncated(text, chance):
    return text[: chance.randrange(len(text) + 1)]


CHANGES = (characters, characters, tokens, tokens, tokens, modifiers, modifiers, numbers, numbers, lines, truncated)


def verdict(text: str, natively: bool = False) -> str:
    """ "taken" or "refused"; raises whatever else happens. natively: machine code is made as well."""
    try:
        module = parse(text)
        entries = [f for f in module.functions.values() if f.entry and f.body is not None]
        translations = [translate(function, module, watched=True, counted=True) for function in entries]
    except PtxError as error:
        if "\n" in str(error) or len(str(error)) > 500:
            raise RuntimeError(f"refused, but not in one line: {error}") from error
        return "refused"
    for translation in translations:
        llvm.parse_assembly(translation.text).verify()
        if natively:
            Code(compiled(translation.text)).address(STEP)
    return "taken"


def too_slow(*_):
    raise TimeoutError(f"more than {SECONDS} s")


def main(seed, count, *files) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, too_slow)
    chance = random.Random(int(seed))
    texts = [Path(file).read_text() for file in files]
    counts = {"taken": 0, "refused": 0}
    for n in range(int(count)):
        text = changed(chance.choice(texts), chance)
        signal.alarm(SECONDS)
        try:
            counts[verdict(text, natively=n % 8 == 0)] += 1
        except BaseException as error:
            print(f"text {n} of seed {seed}: {type(error).__name__}: {str(error)[:300]}")
            traceback.print_exc(limit=-6)
            print("--- the text:", text, sep="\n")
            return 1
        finally:
            signal.alarm(0)
    print(" ".join(f"{number} {word}" for word, number in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
