"""The profiler of models, run as a user runs it."""

import json

import pytest

from apps.profile import call_lines, kernel_lines, main, parser

BRIEF = ("--device", "cpu", "--seconds", "0.1")


def call(layer, milliseconds, operation="conv2d"):
    seconds = milliseconds / 1e3
    return {
        "layer": layer,
        "operation": operation,
        "direction": "forward",
        "algorithm": "",
        "median": seconds,
        "fast": seconds / 2,
        "slow": seconds * 2,
    }


CALLS = [call("a", 1), call("b", 4, "linear"), call("c", 2), call("d", 3)]


def test_it_says_where_a_models_step_goes(tmp_path, capsys):
    assert main(["lenet5", "--batch-size", "2", *BRIEF, "--json", str(tmp_path / "model.json")]) == 0
    found = json.loads((tmp_path / "model.json").read_text())
    assert (found["model"], found["batch"], found["size"], found["device"]) == ("lenet5", 2, 28, "cpu")
    assert {row["direction"] for row in found["calls"]} == {"forward", "backward"}
    assert found["calls"][-1]["operation"] == "sgd"
    assert found["step"]["median"] > 0
    said = capsys.readouterr().out
    assert said.startswith("a training step of lenet5, batch 2, 28 pixels, on cpu: ")
    assert "sum of the calls" in said


def test_a_detector_sees_crowds_of_the_size_that_is_asked_for(capsys):
    assert main(["lite", "--batch-size", "1", "--size", "64", *BRIEF, "--top", "3"]) == 0
    said = capsys.readouterr().out
    assert "a training step of lite, batch 1, 64 pixels, on cpu" in said
    assert "match_anchors.forward" in said
    table = said.split("\n\n")[1].splitlines()
    assert len(table) == 1 + 3 + 2
    assert "shorter calls" in table[4]


def test_calls_of_a_kernel_are_added_up_and_the_longest_comes_first():
    assert kernel_lines(CALLS) == [
        ("conv2d.forward", 3, "6.000", "60.0%"),
        ("linear.forward", 1, "4.000", "40.0%"),
    ]


def test_the_longest_calls_are_shown_in_the_order_in_which_they_run():
    lines = call_lines(CALLS, top=2, whole=0.008)
    assert [line[0] for line in lines] == ["b", "d", "2 shorter calls", "sum of the calls"]
    assert [line[2] for line in lines] == ["4.000", "3.000", "3.000", "10.000"]
    assert lines[-1][3:] == ("125% of the step", "100.0%")
    assert len(call_lines(CALLS, top=4, whole=1)) == 5


def test_a_model_of_one_size_is_refused_another(capsys):
    assert main(["cnn6", "--size", "64"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("apps.profile: --size: cnn6 takes pictures of one size, unlike scout, lite, ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "the following arguments are required: MODEL"),
        ("cnn7", "unknown model 'cnn7'; choose from cnn6, "),
        ("cnn6 --device abacus", "unknown device 'abacus'; choose from auto, cuda, cpu, emulate, interpret, reference"),
        ("lite --top 0", "argument --top: '0' is not a whole number of at least 1"),
        ("lite --batch-size -1", "argument --batch-size: '-1' is not a whole number of at least 1"),
        ("lite --seconds x", "argument --seconds: 'x' is not a number above 0"),
    ],
)
def test_an_impossible_option_is_refused_with_what_is_allowed(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"apps.profile: {complaint}")
    assert len(said.splitlines()) == 1


def test_help_ends_with_an_example_that_parses(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    _, example = capsys.readouterr().out.split("example: python -m apps.profile ")
    assert parser().parse_args(example.split()).run
