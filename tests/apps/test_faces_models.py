"""The detectors: their anchors, parameters and names, how they start, and that their loss is the printed one."""

import math
from collections import Counter
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest

from apps.faces.anchors import Anchors, geometric
from apps.faces.ends import CANDIDATES, PRIOR
from apps.faces.evaluation import sizes
from apps.faces.matching import MATCHINGS, QUALITY, Matching
from apps.faces.models import MODELS, SCOUT, facenet, faceresnet, lite, residual, scout
from framework import Graph, Model
from kernels.operations.iou.reference import overlap as iou
from tests.helpers.noise import SIZES, batch

RESNETS = ("facenet", "faceresnet")


def parameters(name):
    """Shapes of all that a network learns, by name."""
    return {value.name: value.shape for value in MODELS[name]().of_role("parameter")}


def count(shapes):
    return sum(math.prod(shape) for shape in shapes.values())


# Anchors


def test_anchors_stand_in_the_order_of_level_row_column_and_shape():
    anchors = Anchors(strides=(8, 16), sizes=((10, 20), (40, 80)), ratios=(1, 0.25))
    boxes = anchors.level(1, cells=(2, 3))
    assert boxes.shape == (2 * 3 * 4, 4)
    assert boxes.dtype == np.float32
    for row, column in np.ndindex(2, 3):
        x, y = 16 * (column + 0.5), 16 * (row + 0.5)
        shapes = [(40, 40), (20, 80), (80, 80), (40, 160)]  # width and height: the area is that of the square
        expected = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for w, h in shapes]
        cell = row * 3 + column
        np.testing.assert_array_equal(boxes[4 * cell : 4 * cell + 4], expected)


def test_anchors_of_two_tiles_stand_in_the_quarters_of_a_cell():
    anchors = Anchors(strides=(8,), sizes=((4, 16),), ratios=(1,), tiles=(2, 1))
    assert anchors.per_cell == 5
    boxes = anchors.level(0, cells=(1, 2))
    middles = [(2, 2), (6, 2), (2, 6), (6, 6)]
    expected = [(x - 2, y - 2, x + 2, y + 2) for x, y in middles] + [(-4, -4, 12, 12)]
    np.testing.assert_array_equal(boxes[:5], expected)
    np.testing.assert_array_equal(boxes[5:], np.array(expected) + np.array([8, 0, 8, 0]))


@pytest.mark.parametrize(
    ("build", "levels", "smallest", "largest", "step", "ratios"),
    [
        (faceresnet, 5, 16, 406.4, 2 ** (1 / 3), [1, 1 / 1.5]),
        (facenet, 4, 14, 220, (220 / 14) ** (1 / 11), [1, 1 / 1.5]),
        (lite, 4, 16, 203.2, 2 ** (1 / 3), [1 / 1.25]),
    ],
)
def test_anchors_have_the_sizes_and_ratios_of_the_paper(build, levels, smallest, largest, step, ratios):
    boxes = build(size=(256, 384)).values["anchors"].constant
    cells = [(256 >> k) * (384 >> k) for k in range(3, 3 + levels)]
    assert len(boxes) == sum(cells) * 3 * len(ratios)
    start = 0
    for level, places in enumerate(cells):
        of_level = boxes[start : start + places * 3 * len(ratios)].reshape(places, 3, len(ratios), 4)
        start += of_level[..., 0].size
        for k in range(3):
            of_size = of_level[:, k].reshape(-1, 4).astype(float)
            np.testing.assert_allclose(sizes(of_size), smallest * step ** (3 * level + k), rtol=1e-4)
        width, height = (of_level[..., i + 2].astype(float) - of_level[..., i] for i in range(2))
        np.testing.assert_allclose(width / height, np.broadcast_to(ratios, width.shape), rtol=1e-4)
    assert abs(smallest * step ** (3 * levels - 1) - largest) < 0.1


def test_the_finest_level_of_facenet_has_about_30_000_anchors():
    cells = [size // 8 for size in (512, 576, 640)]
    per_cell = Anchors((8,), geometric(14, 1.3, levels=1), (1, 1 / 1.5)).per_cell
    assert [per_cell * n * n for n in cells] == [24576, 31104, 38400]


# Parameters


def torchvision_resnet50():
    """Names and shapes of what torchvision.models.resnet50 learns, its classifier `fc` left out."""
    shapes = {"conv1.weight": (64, 3, 7, 7)}
    norms = {"bn1": 64}
    before = 64
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        width = 32 << layer
        for b in range(blocks):
            block = f"layer{layer}.{b}"
            shapes[f"{block}.conv1.weight"] = (width, before, 1, 1)
            shapes[f"{block}.conv2.weight"] = (width, width, 3, 3)
            shapes[f"{block}.conv3.weight"] = (4 * width, width, 1, 1)
            norms |= {f"{block}.bn1": width, f"{block}.bn2": width, f"{block}.bn3": 4 * width}
            if b == 0:
                shapes[f"{block}.downsample.0.weight"] = (4 * width, before, 1, 1)
                norms[f"{block}.downsample.1"] = 4 * width
            before = 4 * width
    return shapes | {f"{norm}.{kind}": (c,) for norm, c in norms.items() for kind in ("weight", "bias")}


def torchvision_pyramid(extra):
    """Names and shapes of the pyramid in torchvision.models.detection.retinanet_resnet50_fpn."""
    kernels = {f"inner_blocks.{i}.0": (256, depth, 1, 1) for i, depth in enumerate((512, 1024, 2048))}
    kernels |= {f"layer_blocks.{i}.0": (256, 256, 3, 3) for i in range(3)}
    kernels |= {f"extra_blocks.{level}": (256, 256, 3, 3) for level in extra}
    weights = {f"{name}.weight": shape for name, shape in kernels.items()}
    return weights | {f"{name}.bias": (256,) for name in kernels}


@pytest.mark.parametrize(("name", "extra"), [("facenet", ("p6",)), ("faceresnet", ("p6", "p7"))])
def test_body_and_pyramid_have_the_names_and_shapes_of_torchvision(name, extra):
    expected = torchvision_resnet50()
    assert len(expected) == 159  # 161 with the classifier
    assert count(expected) == 25_557_032 - 2_049_000  # what torchvision says, and of it the classifier
    given = {f"backbone.body.{name}": shape for name, shape in expected.items()}
    given |= {f"backbone.fpn.{name}": shape for name, shape in torchvision_pyramid(extra).items()}
    assert {n: s for n, s in parameters(name).items() if n.startswith("backbone.")} == given


@pytest.mark.parametrize("name", RESNETS)
def test_every_normalization_of_the_body_has_its_running_averages(name):
    norms = {n.removesuffix(".bias") for n in torchvision_resnet50() if n.endswith(".bias")}
    expected = {f"backbone.body.{norm}.running_{kind}" for norm in norms for kind in ("mean", "var")}
    states = {value.name for value in MODELS[name]().of_role("state")}
    assert {n for n in states if n.startswith("backbone.")} == expected


def test_the_heads_have_as_many_parameters_as_their_layers():
    heads = {name: count({n: s for n, s in parameters(name).items() if n.startswith("head.")}) for name in MODELS}
    predictions = 256 * 9 * (6 * 2 + 6 * 4) + 6 * 2 + 6 * 4
    assert heads["facenet"] == (2 + 1) * (256 * 256 * 9 + 256) + predictions
    block = 256 * 64 + 64 * 64 * 9 + 64 * 256
    norms_of_block = 2 * (64 + 64 + 256)
    assert heads["faceresnet"] == 2 * 8 * (block + 5 * norms_of_block) + predictions
    assert heads["lite"] == 2 * 2 * (64 * 64 * 9 + 4 * 2 * 64) + 64 * 9 * 3 * (2 + 4) + 3 * (2 + 4)
    assert heads["scout"] == 2 * (48 * 48 * 9 + 4 * 2 * 48) + 48 * 9 * 5 * (1 + 4) + 5 * (1 + 4)


@pytest.mark.parametrize("name", MODELS)
def test_the_heads_of_all_levels_share_weights_but_not_normalization(name):
    graph = MODELS[name]()
    levels = {"faceresnet": 5}.get(name, 4)
    uses = Counter(value.name for node in graph.nodes for value in node.inputs if value.role == "parameter")
    for parameter, used in uses.items():
        shared = parameter.startswith("head.") and "bn" not in parameter
        assert used == (levels if shared else 1), parameter
    norms = [name for name in uses if name.startswith("head.") and "bn" in name and name.endswith(".weight")]
    assert all(sum(n.startswith(norm.partition(".P")[0] + ".P") for n in norms) == levels for norm in norms)


# How they start, and the loss


def opened(name, *arguments, **options):
    """The detector, with what its loss is made of as outputs."""
    graph = MODELS[name](*arguments, **options)
    graph.output("logits", graph.values["focal_loss"].node.values["x"])
    of_boxes = next(graph.values[name].node for name in ("smooth_l1", "overlap_loss") if name in graph.values)
    graph.output("offsets", of_boxes.values.get("prediction") or of_boxes.values["offsets"])
    graph.output("matched", graph.values["matched"])
    graph.output("targets", graph.values["targets"])
    return graph


@cache
def first_step(name):
    """Inputs and results of a new detector's first training step, two pictures."""
    size = SIZES[name]
    model = Model(partial(opened, name), "reference")
    outputs = ("loss", "classification", "regression", "logits", "offsets", "matched", "targets")
    inputs = batch(2, size)
    return inputs, model.training(2, outputs=outputs, size=size)(**inputs)


@pytest.mark.parametrize("name", MODELS)
def test_a_new_detector_takes_one_anchor_in_a_hundred_for_a_face(name):
    _, results = first_step(name)
    logits = results["logits"]
    logit = logits if name == "scout" else logits[:, 1] - logits[:, 0]  # of a face alone, or beside the background's
    probability = 1 / (1 + np.exp(-logit))
    assert 0.9 * PRIOR < np.median(probability) < 1.1 * PRIOR
    assert 0.9 * PRIOR < probability.mean() < 1.2 * PRIOR


@pytest.mark.parametrize("name", ["lite", *RESNETS])
def test_so_the_first_loss_is_that_of_a_network_which_always_says_so(name):
    _, results = first_step(name)
    alpha = MODELS[name]().values["focal_loss"].node.settings["alpha"]
    background, face = results["targets"].reshape(-1, 2).T
    rare = -alpha * (1 - PRIOR) ** 2 * math.log(PRIOR)
    common = -(PRIOR**2) * math.log(1 - PRIOR)
    np.testing.assert_allclose(results["classification"], (face * rare + background * common).sum(), rtol=0.1)


class ByHand:
    """What each anchor costs by eq. 59 and 60, with labels by eq. 58: anchor by anchor, from what the network said."""

    def __init__(self, name):
        inputs, self.results = first_step(name)
        anchors = MODELS[name](size=SIZES[name]).values["anchors"].constant.astype(float)
        R, N = len(inputs["image"]), len(anchors)
        logits, r = self.results["logits"].reshape(R, N, 2), self.results["offsets"].reshape(R, N, 4)
        self.L_c, self.L_r = np.zeros((R, N)), np.zeros((R, N))
        self.positive, self.takes_part = np.zeros((R, N), bool), np.ones((R, N), bool)
        for picture, a in np.ndindex(R, N):
            boxes, label = inputs["boxes"][picture].astype(float), inputs["label"][picture]
            if a == 0:
                overlaps = iou(anchors, boxes) * (label == 1)  # eq. 58
                hidden = self._hidden(anchors, boxes[label == -1])
            face = overlaps[a].argmax()
            self.positive[picture, a] = overlaps[a, face] >= 0.5
            self.takes_part[picture, a] = self.positive[picture, a] or not hidden[a]
            z = logits[picture, a] - logits[picture, a].max()
            p_background, p_face = np.exp(z) / np.exp(z).sum()  # eq. 54
            if self.positive[picture, a]:
                self.L_c[picture, a] = -3 * (1 - p_face) ** 2 * math.log(p_face)  # eq. 60
                x = np.abs(r[picture, a] - (boxes[face] - anchors[a]))
                self.L_r[picture, a] = np.where(x < 1, 0.5 * x**2, x - 0.5).sum()  # eq. 59
            else:
                self.L_c[picture, a] = -((1 - p_background) ** 2) * math.log(p_background)

    @staticmethod
    def _hidden(anchors, ignored):
        """Anchors of whose area half or more lies in one face that is to be ignored: these take no part."""
        low = np.maximum(anchors[:, None, :2], ignored[:, :2])
        high = np.minimum(anchors[:, None, 2:], ignored[:, 2:])
        shared = np.maximum(high - low, 0).prod(axis=2)
        return (shared >= 0.5 * (anchors[:, 2:] - anchors[:, :2]).prod(axis=1)[:, None]).any(axis=1)

    def means(self, of=slice(None)):
        """The mean of L_c over the anchors that take part, and of L_r over the positive ones."""
        part, positive = self.takes_part[:, of], self.positive[:, of]
        return (
            self.L_c[:, of][part].sum() / max(1, part.sum()),
            self.L_r[:, of][positive].sum() / max(1, positive.sum()),
        )


def test_the_loss_of_faceresnet_is_equation_61():
    said = ByHand("faceresnet")
    assert 0 < said.positive.sum() < said.takes_part.sum() < said.takes_part.size
    classification, regression = said.means()
    np.testing.assert_allclose(said.results["classification"], classification, rtol=1e-6)
    np.testing.assert_allclose(said.results["regression"], regression, rtol=1e-6)
    np.testing.assert_allclose(said.results["loss"], classification + regression, rtol=1e-6)


def test_the_loss_of_facenet_is_equation_61_of_seed_001_level_by_level():
    said = ByHand("facenet")
    rows, columns = SIZES["facenet"]
    counts = [6 * -(-rows // stride) * -(-columns // stride) for stride in (8, 16, 32, 64)]
    ends = np.cumsum(counts)
    levels = [slice(end - count, end) for count, end in zip(counts, ends, strict=True)]
    assert sum(said.positive[:, level].any() for level in levels) > 1
    classification, regression = np.sum([said.means(level) for level in levels], axis=0)
    np.testing.assert_allclose(said.results["classification"], classification, rtol=1e-6)
    np.testing.assert_allclose(said.results["regression"], regression, rtol=1e-6)
    np.testing.assert_allclose(said.results["loss"], classification + regression, rtol=1e-6)


# Options


def test_frozen_averages_do_not_move_and_those_of_the_heads_do():
    model = Model(partial(faceresnet, frozen=True), "reference")
    before = model.parameters.states.download()
    model.training(2, size=(33, 33))(**batch(2, (33, 33)))
    for name, array in model.parameters.states.download().items():
        moved = not np.array_equal(array, before[name])
        assert moved == name.startswith("head."), name


def test_a_detector_that_is_not_frozen_moves_all_its_averages():
    model = Model(lite, "reference")
    before = model.parameters.states.download()
    model.training(2, size=(64, 64))(**batch(2, (64, 64)))
    for name, array in model.parameters.states.download().items():
        assert not np.array_equal(array, before[name]), name


@pytest.mark.parametrize("size", [(65, 97), (97, 65), (33, 1), (1, 1), (130, 160), (200, 264)])
def test_a_picture_of_any_size_can_be_learned_from_and_looked_at(size):
    model = Model(lite, "reference")
    inputs = batch(2, size)
    assert np.isfinite(model.training(2, size=size)(**inputs)["loss"])
    found = model.inference(2, outputs=("boxes", "scores"), size=size)(image=inputs["image"])
    cells = sum(math.prod(-(-side // stride) for side in size) for stride in (8, 16, 32, 64))
    assert found["boxes"].shape == (2, min(3 * cells, max(cells, CANDIDATES)), 4)
    assert np.isfinite(found["boxes"]).all()
    assert (np.diff(found["scores"]) <= 0).all()


@pytest.mark.parametrize("name", RESNETS)
@pytest.mark.parametrize("size", [(65, 97), (1, 200), (513, 641)])
def test_the_pyramid_of_a_resnet_fits_together_at_any_size(name, size):
    graph = MODELS[name](1, size)
    strides = (8, 16, 32, 64, 128)[: {"facenet": 4}.get(name)]
    cells = [math.prod(-(-side // stride) for side in size) for stride in strides]
    assert graph.values["anchors"].shape == (6 * sum(cells), 4)


def test_scout_has_small_anchors_twice_as_dense_as_cells_and_one_tower_for_both_heads():
    graph = scout(size=(256, 384))
    boxes = graph.values["anchors"].constant
    cells = [(256 >> k) * (384 >> k) for k in range(3, 7)]
    assert len(boxes) == 5 * sum(cells)
    sides = sizes(boxes).round(2)
    np.testing.assert_array_equal(np.unique(sides), [10, 20, 40, 80, 160])
    assert [np.sum(sides == side) for side in (10, 160)] == [4 * cells[0], cells[-1]]
    small = boxes[sides == 10].astype(float)
    x, y = (small[:, i] + small[:, i + 2] for i in range(2))
    np.testing.assert_allclose(np.unique(x.round(2)), np.arange(2, 384, 4) * 2)  # as at stride 4
    np.testing.assert_allclose(np.unique(y.round(2)), np.arange(2, 256, 4) * 2)
    np.testing.assert_allclose((boxes[:, 3] - boxes[:, 1]) / (boxes[:, 2] - boxes[:, 0]), 1.25, rtol=1e-5)
    outputs = [n for n in graph.nodes if n.operation.name == "conv2d" and "output" in n.name]
    read = {n.name: n.values["x"].name for n in outputs}
    for level in ("P3", "P4", "P5", "P6"):
        assert read[f"head.classification.output@{level}"] == read[f"head.regression.output@{level}"]
    assert len(set(read.values())) == 4


def test_towers_with_group_normalization_share_it_over_all_levels():
    graph = residual(Graph("grouped"), replace(SCOUT, groups=16), 1, (64, 96), QUALITY)
    norms = [n for n in graph.nodes if n.name.startswith("head.") and "bn" in n.name]
    assert {n.operation.name for n in norms} == {"groupnorm"}
    assert {n.settings["groups"] for n in norms} == {16}
    assert Counter(n.values["gamma"].name for n in norms) == {"head.0.bn.weight": 4, "head.1.bn.weight": 4}
    assert not [value.name for value in graph.of_role("state") if value.name.startswith("head.")]


def test_a_score_of_quality_is_a_sigmoid_and_its_target_the_overlap_of_the_box():
    nodes = {node.name: node for node in scout(1, (64, 64)).nodes}
    focal = nodes["focal_loss"]
    assert focal.operation.name == "quality_focal_loss"
    assert focal.values["quality"] is nodes["overlap_loss"].values["iou"]
    assert nodes["probabilities"].settings["function"] == "sigmoid"
    assert nodes["matched"].operation.name == "match_atss"
    assert nodes["matched"].settings["levels"] == (320, 80, 20, 5)
    assert nodes["matched"].settings["candidates"] == 9 * 5
    three_a_cell = {node.name: node for node in lite(1, (64, 64), QUALITY).nodes}["matched"]
    assert three_a_cell.settings["candidates"] == 27
    assert nodes["overlap_loss"].settings["measure"] == "diou"


def test_boxes_count_in_the_loss_as_often_as_the_matching_says():
    inputs = batch(2, (64, 64))
    results = {}
    for emphasis in (1, 3):
        model = Model(partial(scout, matching=replace(QUALITY, emphasis=emphasis)), "reference", seed=1)
        program = model.training(2, outputs=("loss", "classification", "regression"), size=(64, 64))
        results[emphasis] = {name: value[0] for name, value in program(**inputs).items()}
    assert results[1]["regression"] == results[3]["regression"] > 0
    for emphasis, found in results.items():
        expected = found["classification"] + emphasis * found["regression"]
        np.testing.assert_allclose(found["loss"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "quality"}, "score 'quality' goes with box giou, diou, eiou, not 'smooth_l1'"),
        ({"assignment": "simota"}, "assignment 'simota'"),
        ({"box": "ciou"}, "box 'ciou'"),
        ({"score": "luck"}, "score 'luck'"),
    ],
)
def test_a_matching_that_means_nothing_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Matching(**options)


def test_options_reach_the_nodes_that_they_are_for():
    matching = Matching(positive=0.6, negative=0.3, best=True, alpha=2, gamma=1.5, beta=0.25, code="centers")
    for name, build in MODELS.items():
        nodes = {node.name: node.settings for node in build(1, (64, 64), matching).nodes}
        matched = nodes["matched"]
        assert (matched["positive"], matched["negative"], matched["best"]) == (0.6, 0.3, True), name
        assert (nodes["focal_loss"]["alpha"], nodes["focal_loss"]["gamma"]) == (2, 1.5), name
        assert nodes["smooth_l1"]["beta"] == 0.25, name
        assert nodes["true_offsets"]["code"] == nodes["detections"]["code"] == "centers", name


def test_each_matching_writes_boxes_and_divides_losses_as_its_source_does():
    """Corners in pixels, and means over all anchors, in the seeds; centres in shares, over positives, in RetinaNet."""
    how = {name: (m.code, m.normalise, m.per_level, m.best, m.positive, m.negative) for name, m in MATCHINGS.items()}
    assert how == {
        "paper": ("corners", "anchors", False, False, 0.5, 0.5),
        "per_level": ("corners", "anchors", True, False, 0.5, 0.5),
        "refined": ("centers", "positives", False, True, 0.45, 0.35),
        "quality": ("centers", "positives", False, True, 0.5, 0.5),
    }
    assert {name: (m.assignment, m.score, m.box, m.emphasis) for name, m in MATCHINGS.items()} == {
        **dict.fromkeys(("paper", "per_level", "refined"), ("iou", "classes", "smooth_l1", 1)),
        "quality": ("atss", "quality", "diou", 2),
    }
    assert MATCHINGS["refined"].weights == (10, 10, 5, 5)
    assert MATCHINGS["paper"].weights == MATCHINGS["per_level"].weights == (1, 1, 1, 1)
