"""The command line with a fake generator: files, reports, exit status, one-line errors."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.cli import main as command_line
from engine.api import EngineError
from engine.cli.context import Loader
from engine.files.audio import read_clip
from engine.library.card import write_card
from tests.fakes.engine.generator import CARD, FakeGenerator, load_generator

Run = Callable[..., int]
ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in an empty folder, with a model named fake."""
    model = tmp_path / "home" / "data" / "models" / "fake"
    model.mkdir(parents=True)
    write_card(model, CARD)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("PINGPAD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(*arguments: str, load: Loader = load_generator) -> int:
        return command_line.main(arguments, load)

    return run


def generate(run: Run, *arguments: str) -> int:
    return run("generate", "--model", "fake", *arguments)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What went to standard error: exactly one line."""
    line = capsys.readouterr().err
    assert line.startswith("pingpad: ")
    assert line.count("\n") == 1
    return line


@pytest.mark.parametrize(
    ("prompt", "options", "seconds"),
    [
        ("kick, 400 ms", (), 0.4),
        ("2 bars of kick at 120 bpm", (), 4.0),
        ("kick, 400 ms", ("--seconds", "0.2"), 0.2),
    ],
)
def test_a_prompt_may_say_how_long(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    prompt: str,
    options: tuple[str, ...],
    seconds: float,
) -> None:
    assert generate(run, prompt, *options, "--json") == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["seconds"] == seconds


def test_generate_writes_the_sound_and_says_what_it_made(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(run, "kick", "--seconds", "0.5", "--seed", "0", "--out", "k.wav") == 0
    clip = read_clip(Path("k.wav"))
    assert (clip.frames, clip.channels, clip.rate) == (22_050, 2, 44_100)
    said = capsys.readouterr()
    assert said.out == "k.wav: 0.50 s, seed 0, made in 11 ms on auto\n"
    assert said.err == ""


def test_json_holds_the_recipe_with_its_seed_the_path_and_the_timing(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(run, "kick", "--json", "--out", "k.wav") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["path"] == "k.wav"
    assert report["recipe"]["seed"] == 42
    assert report["recipe"]["steps"] == CARD.default_steps
    assert report["timing"]["whole_ms"] == 11.0


def test_count_numbers_files_and_seeds(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--count", "3", "--seed", "7", "--out", "kick.wav", "--json", "--seconds", "0.1")
    assert generate(run, "kick", *options) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [report["path"] for report in reports] == ["kick-1.wav", "kick-2.wav", "kick-3.wav"]
    assert [report["recipe"]["seed"] for report in reports] == [7, 8, 9]
    assert sorted(path.name for path in Path().iterdir()) == [
        "kick-1.wav",
        "kick-2.wav",
        "kick-3.wav",
    ]


def test_file_is_named_by_the_prompt_and_never_overwritten(run: Run) -> None:
    for _ in range(2):
        assert generate(run, "../Kick, 909!", "--seconds", "0.1") == 0
    assert generate(run, "🥁", "--seconds", "0.1") == 0
    assert sorted(path.name for path in Path().iterdir()) == [
        "kick-909-2.wav",
        "kick-909.wav",
        "sound.wav",
    ]


def test_recording_gives_its_length_and_a_strength(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write("hum.wav", np.full((4_000, 1), 0.5), 8_000)
    assert generate(run, "kick", "--init", "hum.wav", "--out", "k.wav", "--json") == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert (recipe["seconds"], recipe["strength"], recipe["source"]) == (0.5, 0.7, "hum.wav")
    assert read_clip(Path("k.wav")).samples.max() == pytest.approx(0.25, abs=1e-4)


def test_a_part_to_make_anew_takes_the_rest_as_it_is(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write("hum.wav", np.full((4_000, 1), 0.5), 8_000)
    arguments = ("kick", "--init", "hum.wav", "--remake", "0.1", "0.4", "--out", "k.wav", "--json")
    assert generate(run, *arguments) == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert (recipe["remake_from"], recipe["remake_to"], recipe["strength"]) == (0.1, 0.4, None)
    assert generate(run, "kick", "--init", "hum.wav", "--remake", "0.1", "2", "--out", "k.wav") == 2
    assert "must lie within 0..0.5 s, got 0.1..2.0" in one_line(capsys)


def test_words_the_model_was_never_taught_are_named(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(run, "zorgle kick 🥁 A2", "--out", "k.wav") == 0
    assert one_line(capsys) == "pingpad: fake was never taught: zorgle\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["", "--out", "k.wav"], "the prompt is empty"),
        (["x" * 10_000, "--out", "k.wav"], "at most 1000 characters, got 10000"),
        (["kick", "--seconds", "0"], "Seconds must be 0.05..12, got 0.0"),
        (["kick", "--seconds", "-1"], "got -1.0"),
        (["kick", "--seconds", "nan"], "got nan"),
        (["kick", "--seconds", "1e9"], "got 1000000000.0"),
        (["kick", "--seconds", "long"], "invalid float value: 'long'"),
        (["kick", "--steps", "0"], "Steps must be 1..100, got 0"),
        (["kick", "--seed", "-1"], "The seed must be 0.."),
        (["kick", "--count", "0"], "--count must be 1..10000, got 0"),
        (["kick", "--out", "k.mp3"], "--out must end in .wav, got k.mp3"),
        (["kick", "--strength", "0.5"], "--strength needs a recording"),
        (["kick", "--remake", "0", "0.5"], "--remake needs a recording"),
        ([], "the following arguments are required: prompt"),
        (["kick", "--loud"], "unrecognized arguments: --loud"),
    ],
)
def test_wrong_argument_is_named_in_one_line(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert generate(run, *arguments) == 2
    assert said in one_line(capsys)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("strength", ["0", "1.1", "nan", "-0.5"])
def test_strength_out_of_range_is_named(
    run: Run, capsys: pytest.CaptureFixture[str], strength: str
) -> None:
    soundfile.write("hum.wav", np.zeros((4_000, 1)), 8_000)
    assert generate(run, "kick", "--init", "hum.wav", f"--strength={strength}") == 2
    assert f"Strength must be 0.01..1, got {float(strength)}" in one_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kick", "--out", "nowhere/k.wav"], "there is no folder nowhere"),
        (["kick", "--init", "nothing.wav"], "There is no file nothing.wav"),
        (["kick", "--init", "words.wav"], "words.wav could not be read as audio"),
        (["kick", "--model", "other"], 'there is no model "other"'),
        (["refuse", "--out", "k.wav"], "record a longer one"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    Path("words.wav").write_text("these are words")
    assert generate(run, *arguments) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, which is Linux's")
def test_folder_that_cannot_be_written_is_said(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    # The root user may write anywhere but into /proc.
    assert generate(run, "kick", "--out", "/proc/kick.wav") == 1
    assert "/proc/kick.wav could not be written" in one_line(capsys)


def test_ctrl_c_stops_with_its_own_status(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(folder: Path, device: str) -> FakeGenerator:
        raise KeyboardInterrupt

    assert run("generate", "kick", "--model", "fake", load=interrupted) == 130
    assert one_line(capsys) == "pingpad: stopped\n"


def test_broken_model_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(folder: Path, device: str) -> FakeGenerator:
        raise EngineError("weights are missing:\nblocks.0")

    assert run("generate", "kick", "--model", "fake", load=broken) == 1
    assert one_line(capsys) == "pingpad: weights are missing: blocks.0\n"


def test_models_lists_cards_and_says_which_cannot_be_used(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("models", "--json") == 0
    cards = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fake = next(card for card in cards if card["name"] == "fake")
    assert fake["sample_rate"] == 44_100
    broken = tmp_path / "home" / "data" / "models" / "broken"
    broken.mkdir()
    (broken / "card.toml").write_text("name = 'broken'")
    assert run("models") == 1
    said = capsys.readouterr()
    assert "fake: A ramp (44100 Hz, up to 12 s, MIT)" in said.out
    assert "lacks: default_steps" in said.err


def test_bench_prints_one_json_object(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    assert run("bench", "--model", "fake", "--runs", "3", "--steps", "4") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["runs"], report["steps"], report["model"]) == (3, 4, "fake")
    assert report["text_ms"] == {"median": 1.0, "p10": 1.0, "p90": 1.0, "least": 1.0, "most": 1.0}
    assert 0 <= report["step_ms"]["median"] <= report["whole_ms"]["most"]
    assert {"device", "precision", "threads", "decode_ms"} <= set(report)


def test_bench_measures_sounds_made_together(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    assert run("bench", "--model", "fake", "--runs", "1", "--count", "3") == 0
    assert json.loads(capsys.readouterr().out)["together"]["count"] == 3


def test_what_to_avoid_is_in_the_recipe(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(run, "kick", "--avoid", "hiss", "--json", "--seconds", "0.1") == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["avoid"] == "hiss"
    assert generate(run, "kick", "--avoid", "h" * 1001) == 2
    assert "What to avoid must be at most 1000 characters" in one_line(capsys)


def test_bench_refuses_no_runs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "--runs", "0") == 2
    assert "--runs must be 1..10000, got 0" in one_line(capsys)


@pytest.mark.usefixtures("qapp")
def test_realtime_bench_refuses_no_time(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "--realtime", "--minutes", "0", "--model", "fake") == 1
    assert "Minutes must be above 0 and at most 1440, got 0.0" in one_line(capsys)


def test_train_without_its_config_says_so(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "nothing.toml") == 1
    assert one_line(capsys) == "pingpad: there is no config nothing.toml\n"


def test_help_needs_none_of_the_heavy_modules() -> None:
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(sorted(sys.modules)))\n"
        "from app.cli import main\n"
        "main.main(sys.argv[1:])"
    )
    for arguments in (["--help"], ["generate", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        said, loaded = done.stdout.rsplit("\n", 2)[:2]
        assert "usage: main.py" in said
        heavy = ("torch", "numba", "PySide6", "soundfile", "huggingface_hub", "tqdm")
        assert not [name for name in heavy if f"'{name}'" in loaded]


def test_arguments_of_every_command_are_the_fields_of_its_dataclass() -> None:
    needed = {
        "generate": ["kick"],
        "evaluate": ["embedded"],
        "train": ["a.toml"],
        "export": ["run", "--codec", "a", "--out", "b", "--name", "c"],
    }
    for command in (command_line.OPEN, *command_line.COMMANDS):
        module = importlib.import_module(command.module)
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        given = vars(parser.parse_args(needed.get(command.name, [])))
        assert dataclasses.is_dataclass(module.Arguments(**given))


def test_export_names_the_run_that_holds_no_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(tmp_path), "--codec", str(tmp_path), "--out", str(tmp_path / "out")]
    assert command_line.main([*arguments, "--name", "Mine"]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert command_line.main([*arguments, "--name", "Mine", "--sampler", "none"]) == 2
    assert command_line.main([*arguments, "--name", "Mine", "--flow-share", "1.5"]) == 2
