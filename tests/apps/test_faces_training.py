"""Training a detector: batches are a function of seed and step, recipes, a start from ImageNet, a run that resumes."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from apps.faces import training
from apps.faces.data import Faces
from apps.faces.ends import FACES
from apps.faces.evaluation import sizes
from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS, facenet, lite
from apps.faces.training import Crops, DetectorRecipe, inputs, load_backbone, recipe, trainer
from framework import Model
from framework.checkpoint import CheckpointError
from framework.parameters import ParameterError
from framework.recipe import RecipeError
from framework.run_state import RunState
from framework.trainer import Trainer
from tests.helpers.checks import assert_same
from tests.helpers.noise import example

EXAMPLES = [example((90 + 10 * i, 120), seed=i) for i in range(5)]
SMALL = DetectorRecipe(iterations=4, batch=3, sizes=(64, 96), seed=7, warmup=2)

steps = st.integers(0, 10**6)


# Batches


@given(step=steps, seed=st.integers(0, 2**31))
def test_a_batch_depends_on_nothing_but_seed_and_step(step, seed):
    crops = Crops(EXAMPLES, replace(SMALL, seed=seed))
    first = crops(step)
    Crops(EXAMPLES, replace(SMALL, seed=seed + 1))(step + 1)
    assert_same(Crops(list(EXAMPLES), replace(SMALL, seed=seed))(step), first)


def test_steps_and_seeds_give_other_batches():
    crops = Crops(EXAMPLES, replace(SMALL, sizes=(64,)))
    other = Crops(EXAMPLES, replace(SMALL, sizes=(64,), seed=8))
    assert (crops(0)["image"] != crops(1)["image"]).any()
    assert (crops(0)["image"] != other(0)["image"]).any()


@pytest.mark.parametrize("augmentation", ["varied", "faces", "paper"])
@given(step=steps)
def test_a_batch_has_the_shapes_that_the_network_takes(augmentation, step):
    batch = Crops(EXAMPLES, replace(SMALL, augmentation=augmentation))(step)
    side = batch["image"].shape[1]
    assert side in SMALL.sizes
    wanted = lite(SMALL.batch, (side, side)).values
    for name in ("image", "boxes", "label"):
        assert (batch[name].shape, batch[name].dtype) == (wanted[name].shape, wanted[name].dtype)


@given(step=steps)
def test_labels_say_what_is_a_face_and_what_stands_behind_the_last_is_empty(step):
    batch = Crops(EXAMPLES, SMALL)(step)
    side = batch["image"].shape[1]
    for boxes, label in zip(batch["boxes"], batch["label"], strict=True):
        faces = np.count_nonzero(label)
        assert set(label[:faces]) <= {1, -1}
        assert not boxes[faces:].any()
        assert (boxes[:faces, :2] < boxes[:faces, 2:]).all()
        assert (boxes >= 0).all()
        assert (boxes <= side).all()
        size = sizes(boxes[:faces])
        assert (np.diff(size) <= 0).all()
        assert (label[:faces][size < SMALL.smallest] == -1).all()


def test_crops_of_one_photograph_differ_within_a_batch_and_from_step_to_step():
    crops = Crops(EXAMPLES[:1], replace(SMALL, sizes=(64,), batch=4))
    views = np.concatenate([crops(step)["image"] for step in range(3)])
    assert len(np.unique(views, axis=0)) == 12


def test_all_sizes_are_drawn():
    crops = Crops(EXAMPLES, SMALL)
    assert {crops(step)["image"].shape[1] for step in range(12)} == {64, 96}


def test_faces_that_are_invalid_or_too_small_are_to_be_ignored():
    boxes = np.array([(0, 0, 9, 9), (10, 10, 17, 17), (20, 20, 40, 40), (50, 50, 58, 58)], np.float32)
    given = replace(EXAMPLES[0], boxes=boxes, invalid=np.array([False, False, True, False]))
    batch = inputs([given], smallest=8)
    np.testing.assert_array_equal(batch["boxes"][0, :4], boxes[[2, 0, 3, 1]])
    np.testing.assert_array_equal(batch["label"][0, :5], [-1, 1, 1, -1, 0])


def test_where_there_are_more_faces_than_places_the_largest_are_kept():
    crowd = example((96, 96), faces=FACES + 50)
    batch = inputs([crowd, example((96, 96), faces=0)], smallest=8)
    largest = np.sort(sizes(crowd.boxes))[::-1][:FACES]
    np.testing.assert_array_equal(sizes(batch["boxes"][0]), largest)
    assert batch["label"][0].all()
    assert not batch["label"][1].any()


# Recipes


@pytest.mark.parametrize("model", MODELS)
def test_a_recipe_comes_back_from_the_settings_of_a_run(model, tmp_path):
    ours = recipe(model, iterations=10, seed=None)
    assert ours == replace(recipe(model), iterations=10)
    RunState({}, {}, 5, 1.0, {**asdict(ours), "data": "somewhere"}).write(tmp_path / "run.safetensors")
    assert DetectorRecipe.of_run(tmp_path / "run.safetensors") == ours


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        # 0.005 and a tenth of it from iteration 200 000; 0.001 and twice a tenth.
        ("facenet", {0: 0.005, 199_999: 0.005, 200_000: 0.0005, 349_999: 0.0005}),
        ("faceresnet", {0: 0.001, 233_332: 0.001, 233_334: 0.0001, 466_665: 0.0001, 466_667: 0.00001}),
        ("lite", {0: 0.0015 / 200, 4500: 0.00075, 9000: 0.0}),
        ("scout", {0: 0.0015 / 200, 15_000: 0.00075, 30_000: 0.0}),
    ],
)
def test_rates_are_those_of_the_paper(model, rates):
    schedule = recipe(model).make_schedule()
    np.testing.assert_allclose([schedule(step) for step in rates], list(rates.values()), rtol=1e-6, atol=1e-12)


def test_a_recipe_makes_the_network_it_says(monkeypatch):
    monkeypatch.setattr(training, "Model", lambda build, device, seed: build(1, (64, 64)))
    graph = recipe("facenet", frozen=True, matching="refined").make_model("reference")
    nodes = {node.name: node.settings for node in graph.nodes}
    assert nodes["backbone.body.bn1"]["training"] is False
    assert nodes["targets"]["normalise"] == "positives"


def test_a_network_without_a_resnet_has_nothing_to_freeze():
    with pytest.raises(RecipeError, match=r"^--frozen: lite has no ResNet"):
        recipe("lite", frozen=True).make_model("cpu")


# A start from ImageNet


@pytest.fixture(scope="module")
def resnet():
    return Model(facenet, "cpu")


@pytest.fixture
def before(resnet):
    """What the network holds before the test, and again after it."""
    held = resnet.parameters.download()
    yield held
    resnet.parameters.upload(held)


def imagenet(parameters):
    """Tensors as torchvision saves a ResNet-50: with a classifier and counters that nobody needs here."""
    body = {n.removeprefix("backbone.body."): a + 1 for n, a in parameters.items() if n.startswith("backbone.body.")}
    counters = {
        f"{n.removesuffix('.running_mean')}.num_batches_tracked": np.array(9) for n in body if "running_mean" in n
    }
    return {**body, **counters, "fc.weight": np.zeros((1000, 2048), np.float32), "fc.bias": np.zeros(1000, np.float32)}


def test_the_body_starts_from_weights_of_imagenet_and_the_rest_as_it_was(tmp_path, resnet, before):
    save_file(imagenet(before), tmp_path / "resnet50.safetensors")
    load_backbone(resnet, tmp_path / "resnet50.safetensors")
    for name, array in resnet.parameters.download().items():
        body = name.startswith("backbone.body.")
        np.testing.assert_array_equal(array, before[name] + 1 if body else before[name], err_msg=name)


def test_a_file_that_lacks_a_tensor_is_refused_by_its_name(tmp_path, resnet, before):
    tensors = imagenet(before)
    del tensors["layer3.4.bn2.running_var"]
    path = tmp_path / "resnet50.safetensors"
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=f"^{path}: no layer3.4.bn2.running_var found, weights of a ResNet-50"):
        load_backbone(resnet, path)
    assert_same(resnet.parameters.download(), before)


def test_a_tensor_of_another_shape_is_refused_by_its_name(tmp_path, resnet, before):
    tensors = imagenet(before)
    tensors["layer1.0.conv2.weight"] = np.zeros((64, 64, 1, 1), np.float32)
    save_file(tensors, tmp_path / "resnet50.safetensors")
    with pytest.raises(ParameterError, match=r"layer1\.0\.conv2\.weight: has shape \(64, 64, 1, 1\)"):
        load_backbone(resnet, tmp_path / "resnet50.safetensors")
    assert_same(resnet.parameters.download(), before)


def test_a_network_without_a_resnet_cannot_start_from_one(tmp_path):
    path = tmp_path / "resnet50.safetensors"
    save_file({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}, path)
    with pytest.raises(CheckpointError, match=f"^{path}: lite has no ResNet-50 that could start from it$"):
        load_backbone(Model(lite, "cpu"), path)


# A run


def run(folder, iterations) -> Trainer:
    model = SMALL.make_model("cpu")
    ours = trainer(Faces(EXAMPLES, EXAMPLES[:1], "noise"), SMALL, model, Crops(EXAMPLES, SMALL), folder)
    if ours.checkpoint_path.exists():
        ours.resume()
    ours.run(iterations, progress=False)
    return ours


def test_a_run_over_pictures_of_two_sizes_resumes_bit_for_bit(tmp_path):
    whole = run(tmp_path / "whole", 4)
    run(tmp_path / "parts", 2)
    rest = run(tmp_path / "parts", 4)
    assert len({Crops(EXAMPLES, SMALL)(step)["image"].shape for step in range(4)}) == 2
    assert_same(rest.model.parameters.download(), whole.model.parameters.download())
    assert_same(rest.optimizer.download(), whole.optimizer.download())
    emphasis = MATCHINGS[SMALL.matching].emphasis
    for record in rest.records:
        assert record["loss"] == pytest.approx(record["classification"] + emphasis * record["regression"])
    assert [r["loss"] for r in rest.records] == [r["loss"] for r in whole.records]
    assert 0 <= whole.records[-1]["validation_ap"] <= 1


def test_pictures_are_enlarged_only_when_a_run_is_scored_for_the_last_time(tmp_path):
    model = SMALL.make_model("cpu")
    data = Faces(EXAMPLES, EXAMPLES[:1], "noise")
    ours = trainer(data, SMALL, model, Crops(EXAMPLES, SMALL), tmp_path, evaluate_every=2)
    ours.run(4, progress=False)
    logged = [{name for name in record if name.startswith("validation_")} for record in ours.records]
    stored = {"validation_ap", "validation_ap_16", "validation_false_boxes"}
    assert logged[:3] == [set(), stored, set()]
    assert logged[3] > stored | {"validation_ap_1.5x", "validation_ap_16_2x", "validation_found_large"}


def test_shares_of_a_batch_are_its_parts():
    """Of ranks: each sees what one would have seen in these rows."""
    chosen = replace(SMALL, batch=5)
    for step in range(2):
        whole = Crops(EXAMPLES, chosen)(step)
        for rows in (range(0, 2), range(2, 5)):
            part = Crops(EXAMPLES, chosen, rows)(step)
            assert_same(part, {name: values[rows.start : rows.stop] for name, values in whole.items()})
