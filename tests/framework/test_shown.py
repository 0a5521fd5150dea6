"""What a user holds in hand prints as a table or as a call, and never as a dump."""

import pytest

from apps.mnist.models import cnn6
from framework import Graph, Model, Optimizer, Plan, Summary, layers
from kernels.table import sizes


def network(batch):
    x = Graph("small").input("image", (batch, 1, 4, 4))
    layers.softmax_classifier(layers.linear(layers.flatten(layers.relu(layers.batchnorm(x))), 3))
    return x.graph


MODEL = Model(network, "reference")
OPTIMIZER = Optimizer("sgd", decay=0.5)
PROGRAM = MODEL.training(2, OPTIMIZER)
PLAN = PROGRAM.plan
HELD = {
    "graph": PLAN.graph,
    "node": PLAN.graph.nodes[0],
    "value": PLAN.graph.values["image"],
    "plan": PLAN,
    "step": PLAN.steps[-1],
    "buffer": PLAN.buffers[0],
    "model": MODEL,
    "parameters": MODEL.parameters,
    "program": PROGRAM,
    "optimizer": OPTIMIZER,
    "summary": Summary(PLAN.graph),
}


@pytest.mark.parametrize("name", HELD)
def test_nothing_prints_as_a_dump(name):
    printed = repr(HELD[name])
    assert printed == str(HELD[name])
    assert " at 0x" not in printed
    assert "Operation(" not in printed
    assert max(map(len, printed.splitlines())) <= 240


def rows(shown):
    """The words of each line below the title."""
    return [line.split() for line in repr(shown).splitlines()[1:]]


def test_a_graph_prints_its_nodes():
    graph = network(2)
    title = "graph small: image (2, 1, 4, 4), target (2, 3) -> probabilities, losses, loss"
    assert repr(graph).splitlines()[0] == title
    assert rows(graph)[0] == ["node", "operation", "takes", "makes"]
    assert [row[:2] for row in rows(graph)[1:]] == [[node.name, node.operation.name] for node in graph.nodes]
    assert rows(graph)[4] == ["linear_1", "linear", "reshape_1,", "linear_1.weight,", "linear_1.bias", "2", "x", "3"]
    assert repr(Graph("empty")).splitlines()[0] == "graph empty: nothing -> nothing"


def test_a_plan_prints_its_steps_and_what_memory_they_need():
    title = f"plan of small for training: 5 steps forward, 5 backward, an arena of {PLAN.arena_bytes:,} bytes, "
    title += f"of which {PLAN.alive_bytes:,} live at once"
    assert repr(PLAN).splitlines()[0] == title
    assert rows(PLAN)[1:] == [[step.name, step.operation.name, step.direction] for step in PLAN.steps]
    look = Plan(network(2), ("probabilities",))
    assert repr(look).startswith("plan of small for inference: 4 steps forward, an arena of ")


def test_a_model_prints_what_it_learned():
    title, heads, *others = repr(MODEL).splitlines()
    assert title == "model small: 53 numbers are learned, on reference"
    assert heads.split() == ["array", "kind", "shape", "numbers"]
    assert [line.split()[0] for line in others] == list(MODEL.parameters.download())
    assert ["linear_1.weight", "parameter", "3", "x", "16", "48"] in [line.split() for line in others]
    assert ["batchnorm_1.running_mean", "running", "average", "1", "1"] in [line.split() for line in others]
    assert repr(MODEL) == f"model small: {MODEL.parameters}"


def test_nodes_steps_programs_and_optimizers_print_as_calls():
    assert repr(PLAN.graph.nodes[3]) == ("linear(x=reshape_1, w=linear_1.weight, b=linear_1.bias) -> linear_1 (2, 3)")
    assert repr(PLAN.steps[-1]).startswith("batchnorm_1: batchnorm.backward(dy=d.batchnorm_1, x=image, ")
    assert ", dx=None, " in repr(PLAN.steps[-1])
    takes = "image (2, 1, 4, 4), target (2, 3)"
    assert repr(PROGRAM) == f"program of small on reference, 12 steps: {takes} -> loss, norm"
    assert repr(OPTIMIZER) == "Optimizer('sgd', momentum=0.9, decay=0.5)"


def test_a_summary_ends_with_the_sums():
    lines = repr(Summary(network(2))).splitlines()
    assert lines[0].split() == ["layer", "operation", "output", "parameters", "MFLOP", "KiB", "on", "a", "CPU"]
    assert lines[-1].split()[:2] == ["small", "53"]
    assert (set(lines[1]), set(lines[-2])) == ({"-"}, {"-"})


def test_a_shape_is_written_as_a_size():
    assert (sizes((32, 8, 14, 14)), sizes((3,)), sizes(())) == ("32 x 8 x 14 x 14", "3", "")


@pytest.mark.parametrize("name", ["graph", "plan", "parameters", "summary"])
def test_a_table_is_one_in_a_notebook_too(name):
    shown = HELD[name]._repr_html_()
    assert shown.count("<tr>") == len(HELD[name].cells())
    assert f"<p>{HELD[name].title()}".replace("->", "-&gt;") in shown


def test_a_summary_names_the_algorithms_of_forward_and_backward_on_a_cpu():
    """Chosen by shape: a convolution of many channels and pixels takes fewer products."""
    found = {row["layer"]: row["algorithms"] for row in Summary(cnn6(50)).rows}
    assert found["conv2d_2"] == {"forward": "winograd", "backward": "winograd"}
    assert found["conv2d_1"] == {"forward": "direct", "backward": "pixels"}
    assert found["reshape_1"] == found["loss"] == {}
    assert "winograd, winograd" in repr(Summary(cnn6(50)))
    alone = {row["layer"]: row["algorithms"] for row in Summary(cnn6(1)).rows}
    assert alone["conv2d_2"]["forward"] == "direct"
