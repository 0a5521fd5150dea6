"""The plan of a run, without a device: which steps, in which order, on which memory, and nothing that is not needed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.faces.models import lite
from apps.mnist.models import MODELS
from framework import Graph, GraphError, Plan
from framework.layers import add, conv2d, flatten, linear, mean, relu, reshape, zeros
from tests.helpers.networks import of_any_size, plain, pyramid, regression, residual, twice

NETWORKS = (plain, residual, twice, pyramid, regression, of_any_size, *MODELS.values())


def training(graph, outputs=("loss",), **options):
    return Plan(graph, outputs, objective="loss", **options)


def names(plan):
    """The steps as "layer direction"."""
    return [f"{step.name} {step.direction}" for step in plan.steps]


def assert_sound(plan):
    """Every step finds what was written for it: played through on the arena's bytes, each owned by who wrote it last.

    This takes the plan at its word nowhere: neither lives nor overlaps are looked at, only who writes and who reads.
    """
    owner = np.full(plan.arena_bytes, -1)
    number = {buffer: n for n, buffer in enumerate(plan.buffers)}

    def write(buffer):
        owner[buffer.root.offset : buffer.root.offset + buffer.root.bytes] = number[buffer.root]

    def check(buffer, reader):
        part = owner[buffer.root.offset : buffer.root.offset + buffer.root.bytes]
        assert (part == number[buffer.root]).all(), f"{reader} finds {buffer.name} overwritten"

    transient = set(plan.transient)
    for step in plan.steps:
        op = step.operation
        reads = op.inputs if step.direction == "forward" else (*op.deltas, *op.needs)
        arrays = {n: a for n, a in step.arguments.items() if getattr(a, "root", None) in transient}
        for name in arrays.keys() & set(reads):
            check(arrays[name], f"{step.name} {step.direction}")
        for name in arrays.keys() - set(reads):
            write(arrays[name])
        for name in arrays.keys() - set(reads):  # two results of one step would overwrite each other
            check(arrays[name], f"{step.name} {step.direction}")
    for name, buffer in plan.outputs.items():
        if buffer.root in transient:
            check(buffer, name)


@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_every_step_finds_what_was_written_for_it(build, reuse):
    assert_sound(training(build(3), reuse=reuse))
    outputs = tuple(build(3).outputs)
    assert_sound(Plan(build(3), outputs, reuse=reuse))


def test_a_detector_finds_what_was_written_for_it():
    assert_sound(training(lite(2, (64, 64))))
    assert_sound(Plan(lite(1, (64, 64)), ("boxes", "scores")))


@st.composite
def graphs(draw):
    """Any graph of values that are weighed, bent, seen under another shape, added to others or to themselves."""
    graph = Graph("any")
    made = [graph.input("x", (2, 3))]
    for number in range(draw(st.integers(1, 12))):
        a, b = (made[draw(st.integers(0, len(made) - 1))] for _ in range(2))
        kind = draw(st.sampled_from(("linear", "relu", "reshape", "add")))
        if kind == "linear":
            w = graph.parameter("w", (3, 3), zeros, shared=True)
            made.append(graph.add("linear", x=a, w=w, b=None))
        elif kind == "relu":
            made.append(relu(a))
        elif kind == "reshape":
            made.append(reshape(a, *a.shape, name=f"view_{number}"))
        else:
            made.append(add(a, b))
    graph.output("y", made[draw(st.integers(0, len(made) - 1))])
    graph.output("loss", mean(made[-1]))
    return graph


@given(graphs(), st.booleans())
def test_any_graph_has_a_plan_in_which_every_step_finds_what_was_written_for_it(graph, reuse):
    plan = training(graph, ("loss", "y"), reuse=reuse)
    assert_sound(plan)
    alive = plan.transient
    for i, a in enumerate(alive):
        assert 0 <= a.first <= a.last <= len(plan.steps)
        assert a.offset + a.bytes <= plan.arena_bytes
        for b in alive[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset


def test_steps_are_forward_as_they_were_added_and_then_back():
    plan = training(regression(5))
    assert names(plan) == [
        "fit forward",
        "loss_1 forward",
        "reduce_1 forward",
        "reduce_1 backward",
        "loss_1 backward",
        "fit backward",
    ]
    assert plan.forward_steps == 3
    assert plan.training


def test_an_array_lives_from_the_step_that_writes_it_to_the_last_that_reads_it():
    plan = training(regression(5), ("loss", "y"))
    lives = {buffer.name: (buffer.kind, buffer.first, buffer.last) for buffer in plan.transient}
    assert lives == {
        "fit": ("activation", 0, 6),  # an output is read after the last step
        "loss_1": ("activation", 1, 3),
        "reduce_1": ("activation", 2, 6),
        "d.loss_1": ("delta-error", 3, 4),
        "d.fit": ("delta-error", 4, 5),
    }
    assert {(b.kind, b.name) for b in plan.buffers if b not in plan.transient} == {
        ("input", "x"),
        ("input", "target"),
        ("parameter", "fit.weight"),
        ("parameter", "fit.bias"),
        ("gradient", "fit.weight"),
        ("gradient", "fit.bias"),
        ("constant", "d.reduce_1"),
    }


def test_a_value_that_fans_out_to_n_nodes_has_n_minus_1_additions():
    graph = Graph("fan")
    x = linear(graph.input("x", (2, 3)), 3, name="fit")
    parts = [relu(x, name=f"part_{n}") for n in range(4)]
    graph.output("loss", mean(add(add(parts[0], parts[1]), add(parts[2], parts[3])), "loss"))
    plan = training(graph)
    assert names(plan).count("d.fit forward") == 3
    # Each stands right behind the step that made what it adds, so that this lives no longer.
    backward = names(plan)[plan.forward_steps :]
    assert backward[-8:] == [
        "part_3 backward",
        "part_2 backward",
        "d.fit forward",
        "part_1 backward",
        "d.fit forward",
        "part_0 backward",
        "d.fit forward",
        "fit backward",
    ]
    assert_sound(plan)


def test_a_value_given_twice_to_a_node_gets_both_delta_errors():
    graph = Graph("twice")
    x = linear(graph.input("x", (2, 3)), 3, name="fit")
    graph.output("loss", mean(add(x, x), "loss"))
    plan = training(graph)
    da, db = (plan.steps[-3].arguments[name] for name in ("da", "db"))
    assert da is not db
    assert plan.steps[-2].arguments == {"a": da, "b": db, "y": da}


def test_a_parameter_given_twice_to_a_node_has_one_gradient():
    graph = Graph("twice")
    w = graph.parameter("w", (2, 3), zeros)
    graph.output("loss", mean(add(w, w), "loss"))
    both, total = training(graph).steps[-2:]
    assert (both.arguments["da"].kind, both.arguments["db"].kind) == ("gradient", "delta-error")
    assert total.arguments == {"a": both.arguments["da"], "b": both.arguments["db"], "y": both.arguments["da"]}


def test_a_shared_parameter_has_its_first_gradient_in_place_and_the_second_added_to_it():
    plan = training(residual(2))
    (total,) = [step for step in plan.steps if step.name == "d.shared.weight"]
    assert total.arguments["a"] is total.arguments["y"]
    assert (total.arguments["a"].kind, total.arguments["a"].name) == ("gradient", "shared.weight")
    assert total.arguments["b"].kind == "delta-error"


def test_a_view_is_no_step_and_has_no_memory():
    graph = Graph("view")
    x = conv2d(graph.input("x", (2, 1, 4, 4)), 3, kernel=3, name="conv")
    y = linear(flatten(x, name="flat"), 2, name="fit")
    graph.output("loss", mean(y, "loss"))
    plan = training(graph)
    assert not any("flat" in name for name in names(plan))
    conv, fit = plan.steps[:2]
    assert fit.arguments["x"].root is conv.arguments["y"]
    assert fit.arguments["x"].shape == (2, 12)
    back_fit, back_conv = plan.steps[-2:]
    assert back_conv.arguments["dy"].root is back_fit.arguments["dx"]
    assert back_conv.arguments["dy"].shape == (2, 3, 2, 2)


def test_what_the_outputs_do_not_depend_on_is_not_there():
    plan = Plan(plain(2), ("probabilities",))
    assert not plan.training
    assert not any("loss" in name or "backward" in name for name in names(plan))
    assert {b.name for b in plan.buffers if b.kind == "input"} == {"image"}
    assert not {b.kind for b in plan.buffers} & {"delta-error", "gradient"}


def test_nobody_asks_for_the_delta_error_of_what_does_not_learn():
    plan = training(residual(2))
    backward = plan.steps[-1]
    assert backward.operation.name == "conv2d"
    assert backward.arguments["dx"] is None  # of the image
    assert backward.arguments["dw"].kind == "gradient"
    assert not any(buffer.name in ("d.image", "d.target") for buffer in plan.buffers)


def test_a_delta_error_goes_through_the_first_output_alone():
    """Another output that depends on a parameter is a constant all the same to whoever reads it."""
    graph = Graph("boxes")
    offsets = graph.parameter("offsets", (1, 2, 4), zeros)
    anchors = graph.constant("anchors", np.array([[0, 0, 8, 8], [4, 4, 9, 9]], np.float32))
    arrays = {"anchors": anchors, "boxes": graph.input("boxes", (1, 1, 4)), "weight": graph.input("weight", (1, 2))}
    node = graph.node("overlap_loss", "overlap", offsets=offsets, matched=graph.input("of", (1, 2), "int32"), **arrays)
    y, iou = node.outputs
    graph.output("loss", graph.add("reduce", "loss", x=reshape(add(y, iou, "both"), 2), how="sum"))
    plan = training(graph)
    assert [step.name for step in plan.steps if step.direction == "backward"] == ["loss", "both", "overlap"]
    (back,) = (step for step in plan.steps if step.operation.name == "overlap_loss" and step.direction == "backward")
    assert "diou" not in back.arguments
    assert_sound(plan)


def test_an_operation_is_told_whether_the_network_trains():
    for plan, expected in ((training(plain(2)), True), (Plan(plain(2), ("loss",)), False)):
        assert {
            s.arguments["training"] for s in plan.steps if s.name == "batchnorm_1" and s.direction == "forward"
        } == {expected}


def test_constants_keep_their_values_and_lie_outside_the_arena():
    plan = training(pyramid(2))
    constants = {buffer.name: buffer for buffer in plan.buffers if buffer.kind == "constant"}
    assert {"anchors", "boxes", "label"} <= constants.keys()
    assert constants["label"].dtype == np.int32
    np.testing.assert_array_equal(constants["label"].constant, [[1, 1, 0, -1]] * 2)
    assert not set(constants.values()) & set(plan.transient)


def test_what_operations_keep_for_backward_is_saved_and_read_there():
    plan = training(MODELS["lenet5_max"](2))
    saved = [buffer for buffer in plan.transient if buffer.kind == "saved"]
    assert {buffer.name for buffer in saved} == {"maxpool2d_1.winner", "maxpool2d_2.winner", "losses.p"}
    assert all(buffer.first < plan.forward_steps <= buffer.last for buffer in saved)


def test_a_device_may_compute_in_another_precision():
    double = training(plain(2), dtype=lambda name: np.dtype("float64" if name == "float32" else name))
    single = training(plain(2))
    assert {buffer.dtype for buffer in double.transient} == {np.dtype("float64"), np.dtype("int32")}
    assert sum(b.bytes for b in double.transient if b.kind != "saved") == 2 * sum(
        b.bytes for b in single.transient if b.kind != "saved"
    )


def test_sharing_saves_memory():
    apart = training(MODELS["cnn6"](8), reuse=False)
    assert training(MODELS["cnn6"](8)).arena_bytes < 0.7 * apart.arena_bytes
    assert apart.arena_bytes >= sum(buffer.bytes for buffer in apart.transient)


def test_an_objective_of_another_shape_is_refused():
    with pytest.raises(GraphError, match=r"objective: losses has shape \(2,\), it must be \(1,\)"):
        Plan(plain(2), (), objective="losses")


def test_a_parameter_that_is_seen_under_another_shape_is_refused():
    graph = Graph("seen")
    w = reshape(graph.parameter("w", (9,), zeros), 3, 3)
    graph.output("loss", mean(graph.add("linear", x=graph.input("x", (2, 3)), w=w, b=None), "loss"))
    with pytest.raises(GraphError, match="w: is a parameter, of which a view was made"):
        training(graph)


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("batch", [1, 50])
def test_the_arena_is_hardly_larger_than_what_must_be_alive_at_once(build, batch):
    """Counted anew here, step by step, from what the steps name and who reads it later."""
    for plan in (training(build(batch)), Plan(build(batch), ("probabilities",))):
        last = {b.root: n for n, step in enumerate(plan.steps) for b in step.buffers}
        last |= {b.root: len(plan.steps) for b in plan.outputs.values()}
        alive, most = set(), 0
        for number, step in enumerate(plan.steps):
            alive |= {b.root for b in step.buffers if b.root in plan.transient}
            most = max(most, sum(b.bytes for b in alive))
            alive = {b for b in alive if last[b] > number}
        assert plan.alive_bytes == most
        assert most <= plan.arena_bytes <= 1.1 * most


def test_a_plan_for_learning_stays_as_written():
    """Whoever asks for fusion."""
    graph = MODELS["cnn6"](2)
    steps = [Plan(graph, ("loss",), "loss", fuse=fuse).steps for fuse in (False, True)]
    assert [repr(step) for step in steps[0]] == [repr(step) for step in steps[1]]
