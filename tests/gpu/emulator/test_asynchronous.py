"""Copies that are under way: cp.async is done when it is waited for, and not before."""

import numpy as np
import pytest

from kernels.gpu.emulator import PtxError, load
from tests.gpu.emulator.written import kernel, own

NOBODYS = 0xFFFFFFFF  # what shared memory holds before anybody writes it
SHARED = ".shared .align 16 .b8 shared[8192];"


def copied(body, source, words=16, threads=1, registers=""):
    """What the first words of each thread's 64 bytes of shared memory are at the end.

    p0 leads to `source`; %rd10 to this thread's 64 bytes of it, and %r1 is where its 64 bytes of shared memory begin.
    """
    begin = f"{own(0, 10, 64)}\nmov.u32 %r1, shared;\nshl.b32 %r2, %r0, 6;\nadd.u32 %r1, %r1, %r2;\n"
    end = f"\nbar.sync 0;\n{own(1, 11, 4 * words)}\n"
    end += "".join(f"ld.shared.b32 %r3, [%r1+{4 * n}];\nst.global.b32 [%rd11+{4 * n}], %r3;\n" for n in range(words))
    found = np.zeros((threads, words), np.uint32)
    text = kernel(begin + body + end, 2, registers=registers, memory=SHARED)
    load(text).run((1, 1, 1), (threads, 1, 1), [source, found])
    return found


SOURCE = np.arange(1, 1025, dtype=np.uint32)
WAITED = "cp.async.commit_group;\ncp.async.wait_group 0;\n"


@pytest.mark.parametrize(("how", "size"), [("ca", 4), ("ca", 8), ("ca", 16), ("cg", 16)])
def test_a_copy_has_been_done_when_it_was_waited_for(how, size):
    found = copied(f"cp.async.{how}.shared.global [%r1], [%rd10+4], {size};\n{WAITED}", SOURCE, threads=40)
    expected = np.full((40, 16), NOBODYS, np.uint32)
    expected[:, : size // 4] = SOURCE[: 40 * 16].reshape(40, 16)[:, 1 : 1 + size // 4]
    assert np.array_equal(found, expected)


def test_without_waiting_nothing_has_been_copied():
    assert np.all(copied("cp.async.ca.shared.global [%r1], [%rd10], 4;\ncp.async.commit_group;\n", SOURCE) == NOBODYS)


@pytest.mark.parametrize("pending", [0, 1, 2, 3, 4])
def test_the_last_groups_may_stay_under_way(pending):
    body = "".join(f"cp.async.ca.shared.global [%r1+{4 * n}], [%rd10+{4 * n}], 4;\ncp.async.commit_group;\n"
                   for n in range(3))  # fmt: skip
    found = copied(f"{body}cp.async.wait_group {pending};\n", SOURCE, 3)
    done = max(3 - pending, 0)
    assert found[0].tolist() == [1, 2, 3][:done] + [NOBODYS] * (3 - done)


def test_what_is_in_no_group_is_waited_for_by_wait_all_alone():
    body = "cp.async.ca.shared.global [%r1], [%rd10], 4;\n"
    assert copied(f"{body}cp.async.wait_group 0;\n", SOURCE, 1) == NOBODYS
    assert copied(f"{body}cp.async.wait_all;\n", SOURCE, 1) == 1


def test_a_wait_reads_what_the_source_holds_then():
    """A thread that writes the source of a copy under way may find either copied."""
    body = f"cp.async.ca.shared.global [%r1], [%rd10], 4;\nmov.u32 %r5, 77;\nst.global.b32 [%rd10], %r5;\n{WAITED}"
    assert copied(body, SOURCE.copy(), 1) == 77


@pytest.mark.parametrize("size", range(0, 17, 4))
def test_bytes_that_are_not_read_are_zeros(size):
    body = f"mov.u32 %r5, {size};\ncp.async.cg.shared.global.L2::128B [%r1], [%rd10], 16, %r5;\n{WAITED}"
    found = copied(body, SOURCE, 5)
    assert found[0].tolist() == [n + 1 if 4 * n < size else 0 for n in range(4)] + [NOBODYS]


def test_of_no_bytes_the_address_does_not_matter():
    body = f"mov.u64 %rd9, 0;\ncp.async.cg.shared.global [%r1], [%rd9], 16, 0;\n{WAITED}"
    assert copied(body, SOURCE, 4)[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("ignored", [0, 1])
def test_a_predicate_has_the_source_ignored(ignored):
    body = f"setp.eq.u32 %p1, {ignored}, 1;\ncp.async.ca.shared.global [%r1], [%rd10], 8, %p1;\n{WAITED}"
    assert copied(body, SOURCE, 2)[0].tolist() == ([0, 0] if ignored else [1, 2])


def test_of_more_copies_than_the_queue_holds_all_are_done_and_each_once():
    body = "".join(f"cp.async.ca.shared.global [%r1+{4 * (n % 16)}], [%rd10+{4 * n}], 4;\n" for n in range(200))
    assert copied(f"{body}cp.async.wait_all;\n", SOURCE)[0].tolist() == SOURCE[184:200].tolist()[8:] + (
        SOURCE[184:192].tolist()
    )


def test_copies_may_begin_in_a_loop_and_behind_a_predicate():
    body = f"""
mov.u32 %r10, 0; mov.u64 %rd12, %rd10; mov.u32 %r11, %r1;
again:
and.b32 %r12, %r10, 1;
setp.eq.u32 %p1, %r12, 0;
@%p1 cp.async.ca.shared.global [%r11], [%rd12], 4;
add.u32 %r11, %r11, 4; add.u64 %rd12, %rd12, 4; add.u32 %r10, %r10, 1;
setp.lt.u32 %p2, %r10, 16;
@%p2 bra again;
{WAITED}"""
    assert copied(body, SOURCE)[0].tolist() == [n + 1 if n % 2 == 0 else NOBODYS for n in range(16)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("cp.async.cg.shared.global [%r1], [%rd1], 8;", r"\.cg copies 16 bytes"),
        ("cp.async.ca.shared.global [%r1], [%rd1], 12;", r"\.ca copies 4, 8, 16 bytes"),
        ("cp.async.bulk.commit_group;", "of copies only cp.async.ca"),
        ("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd1], [%r1], 16;", "of copies only cp.async.ca"),
    ],
)
def test_other_copies_are_refused_by_name(line, problem):
    with pytest.raises(PtxError, match=rf"PTX line \d+: cp\..*{problem}"):
        load(kernel(line, 2))


def test_every_copy_is_announced_where_accesses_are_watched():
    text = kernel("cp.async.ca.shared.global [%r1], [%rd0], 4;\ncp.async.wait_all;", 1, memory=SHARED)
    accesses = load(text, watched=True).translation.accesses
    assert [(a.what, a.space, a.bytes) for a in accesses] == [
        ("load", "global", 4),
        ("store", "shared", 4),  # when it begins
        ("store", "shared", 4),  # when it is done
    ]
