"""Whole trainings in miniature: they finish, go on bit for bit, and become a model that plays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.api import Recipe
from engine.corpus.captions.lexicon import vocabulary
from engine.files.strict import ConfigError
from engine.generation.generator import load_generator
from engine.library.card import list_models
from engine.models.conditioning import NOTE_MARK, UNKNOWN, PromptTokenizer
from engine.sampling.config import SamplingConfig
from engine.training.codec import autoencoder
from engine.training.export import ModelInfo, export_model
from engine.training.flow import loss as flow_losses
from engine.training.flow.batches import LatentBatch, draw_flow_batch
from engine.training.pretrained import load_codec
from engine.training.run.checkpoint import CHECKPOINT
from engine.training.run.errors import RunError
from engine.training.run.metrics_log import METRICS
from engine.training.run.run_folder import RunFolder
from engine.training.run.seeding import StepSeeds, Stream
from engine.training.settings import FlowRun, read_run
from tests.fakes.engine.own_sounds import put
from tests.fakes.engine.tiny_runs import CODEC_RUN, arc_run, curve, flow_run, largest_file, start


class Killed(BaseException):
    """Ends a training as a power cut would."""


@pytest.fixture(scope="module")
def codec_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(tmp_path_factory.mktemp("codec") / "run", CODEC_RUN)


@pytest.fixture(scope="module")
def flow_folder(codec_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(tmp_path_factory.mktemp("flow") / "run", flow_run(codec_run))


def read(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def assert_same(first: object, second: object) -> None:
    """Equal to the last bit, through dicts and lists."""
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict) and isinstance(second, dict):
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert_same(value, second[key])
    elif isinstance(first, list | tuple) and isinstance(second, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RunFolder.log

    def dying(self: RunFolder, now: int, values: dict[str, float]) -> None:
        if now == step:
            raise Killed
        log(self, now, values)

    monkeypatch.setattr(RunFolder, "log", dying)


def last_line(folder: Path) -> dict[str, float]:
    line = (folder / METRICS).read_text().splitlines()[-1]
    return dict(json.loads(line))


def steps_of(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / METRICS).read_text().splitlines()]


def test_a_codec_run_leaves_metrics_checkpoint_and_codec(codec_run: Path) -> None:
    assert steps_of(codec_run) == [1, 2, 3, 4, 5, 6]
    last = last_line(codec_run)
    assert {"loss", "kl", "magnitude", "deviation", "gradient", "rate"} <= last.keys()
    assert read(codec_run / CHECKPOINT)["step"] == 6
    codec = load_codec(codec_run)
    assert codec.config.latent_dim == 8
    assert (codec.latent_deviation > 0).all() and codec.latent_mean.any()


def test_a_flow_run_leaves_metrics_checkpoint_and_words(flow_folder: Path) -> None:
    assert steps_of(flow_folder) == [1, 2, 3, 4, 5, 6]
    state = read(flow_folder / CHECKPOINT)
    assert state["step"] == 6
    assert tuple(state["vocabulary"]) == vocabulary()


@pytest.mark.parametrize("step", [1, 4, 5])
def test_a_killed_codec_run_goes_on_bit_for_bit(
    codec_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as during:
        kill_at(step, during)
        with pytest.raises(Killed):
            start(tmp_path / "run", CODEC_RUN)
    assert (tmp_path / "run" / CHECKPOINT).exists() == (step > 2)
    start(tmp_path / "run", CODEC_RUN)
    for name in (CHECKPOINT, "codec.pt"):
        assert_same(read(tmp_path / "run" / name), read(codec_run / name))


def test_a_killed_flow_run_goes_on_bit_for_bit(
    codec_run: Path, flow_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as during:
        kill_at(4, during)
        with pytest.raises(Killed):
            start(tmp_path / "run", flow_run(codec_run))
    assert read(tmp_path / "run" / CHECKPOINT)["step"] == 2
    start(tmp_path / "run", flow_run(codec_run))
    assert_same(read(tmp_path / "run" / CHECKPOINT), read(flow_folder / CHECKPOINT))


def test_the_curve_of_a_run_killed_by_the_system_goes_on_bit_for_bit(
    codec_run: Path, tmp_path: Path
) -> None:
    text = flow_run(codec_run).replace("steps = 6", "steps = 30")
    # Means of three steps are logged: a checkpoint must hold those not logged yet.
    text = text.replace("log_every = 1", "log_every = 3").replace("every = 2", "every = 7")
    whole = start(tmp_path / "whole", text)
    code = (
        "import sys; from pathlib import Path; from engine.training.train import train\n"
        "train(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    killed = tmp_path / "killed"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "whole.toml"), str(killed)],
        cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("18/"):
                process.kill()
                break
    assert process.returncode not in (0, 1)
    assert read(killed / CHECKPOINT)["step"] < 30
    start(killed, text)
    assert curve(killed) == curve(whole)
    assert_same(read(killed / CHECKPOINT), read(whole / CHECKPOINT))


def test_another_seed_draws_another_noise(codec_run: Path, flow_folder: Path) -> None:
    run = read_run(flow_folder / "config.toml")
    assert isinstance(run, FlowRun)
    tokenizer = PromptTokenizer(("a",), 4)
    batch = LatentBatch(torch.zeros(2, 8, 4), ("a", "a"), torch.ones(2))
    noises = []
    for seed in (1, 2):
        random = StepSeeds(seed).generator(5, Stream.NOISE)
        noises.append(draw_flow_batch(batch, tokenizer, run, random).noise)
    assert not torch.equal(*noises)


def test_latents_of_another_codec_are_refused(codec_run: Path, tmp_path: Path) -> None:
    codec = tmp_path / "codec"
    shutil.copytree(codec_run, codec)
    run = start(tmp_path / "run", flow_run(codec))
    trained = read(codec / "codec.pt")
    trained["codec"]["decoder_out.bias"] += 1
    torch.save(trained, codec / "codec.pt")
    start(run, flow_run(codec))
    trained["codec"]["encoder_skip.weight"] += 1
    torch.save(trained, codec / "codec.pt")
    with pytest.raises(RunError, match="codec has been trained anew since the latents"):
        start(run, flow_run(codec))


def test_latents_of_an_earlier_version_are_taken_as_they_are(
    codec_run: Path, flow_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(flow_folder, run)
    (run / "pool" / "made-by").unlink()
    start(run, flow_run(codec_run))


def test_a_checkpoint_without_its_words_or_broken_is_refused(
    codec_run: Path, flow_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(flow_folder, run)
    state = read(run / CHECKPOINT)
    del state["vocabulary"]
    torch.save(state, run / CHECKPOINT)
    for again in (
        lambda: start(run, flow_run(codec_run)),
        lambda: export_model(
            run, codec_run, tmp_path / "model", ModelInfo("mine"), SamplingConfig()
        ),
    ):
        with pytest.raises(RunError, match="lacks its vocabulary"):
            again()
    for content in (b"", b"no checkpoint", (flow_folder / CHECKPOINT).read_bytes()[:3000]):
        (run / CHECKPOINT).write_bytes(content)
        with pytest.raises(RunError, match="could not be read"):
            start(run, flow_run(codec_run))


def test_a_flow_on_own_sounds_learns_their_words(codec_run: Path, tmp_path: Path) -> None:
    for name in ("deep kick", "soft pad", "tom"):
        put(tmp_path / "sounds" / f"{name}.wav")
    text = flow_run(codec_run).replace('families = ["drum"]', f"folder = '{tmp_path / 'sounds'}'")
    run = start(tmp_path / "run", text.replace("clips = [6]", "clips = [0]"))
    assert read(run / CHECKPOINT)["vocabulary"] == ["deep", "kick", "pad", "soft", "tom"]
    export_model(run, codec_run, tmp_path / "model", ModelInfo("mine"), SamplingConfig())
    card = load_generator(tmp_path / "model", "cpu").card
    assert card.vocabulary == ("deep", "kick", "pad", "soft", "tom")
    assert "renders" not in card.trained.on and "own" in card.trained.on


def test_a_run_killed_while_rendering_renders_again(
    codec_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(path: Path, *args: object, **more: object) -> int:
        raise Killed

    with monkeypatch.context() as during:
        during.setattr(Path, "write_text", _unless_json(dying))
        with pytest.raises(Killed):
            start(tmp_path / "run", CODEC_RUN)
    assert list((tmp_path / "run" / "pool").glob("*.npy"))
    start(tmp_path / "run", CODEC_RUN)
    assert_same(read(tmp_path / "run" / "codec.pt"), read(codec_run / "codec.pt"))


def _unless_json(instead: Any) -> Any:  # noqa: ANN401 - stands for Path.write_text
    write = Path.write_text

    def written(path: Path, *args: Any, **more: Any) -> int:  # noqa: ANN401 - as Path's own
        return int((instead if path.suffix == ".json" else write)(path, *args, **more))

    return written


def test_a_finished_run_started_again_changes_nothing(codec_run: Path) -> None:
    before = read(codec_run / "codec.pt")
    start(codec_run, CODEC_RUN)
    assert_same(read(codec_run / "codec.pt"), before)
    assert len(steps_of(codec_run)) == 6


def test_another_config_in_the_same_folder_is_refused(codec_run: Path) -> None:
    with pytest.raises(RunError, match="begun with another config"):
        start(codec_run, CODEC_RUN.replace("steps = 6", "steps = 7"))


@pytest.mark.parametrize("stage", ["codec", "flow"])
def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    codec_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    module, name = {
        "codec": (autoencoder, "reconstruction_losses"),
        "flow": (flow_losses, "velocity_loss"),
    }[stage]
    right, calls = getattr(module, name), []

    def broken(*args: Any) -> Any:  # noqa: ANN401 - stands for either loss
        calls.append(1)
        bad = float("nan") if len(calls) == 4 else 1.0
        value = right(*args)
        return {k: v * bad for k, v in value.items()} if stage == "codec" else value * bad

    monkeypatch.setattr(module, name, broken)
    text = CODEC_RUN if stage == "codec" else flow_run(codec_run)
    # Without a line of metrics there is no other check between the loss and the checkpoint.
    with pytest.raises(RunError, match="NaN or infinite at step 3"):
        start(tmp_path / "run", text.replace("log_every = 1", "log_every = 50"))
    state = read(tmp_path / "run" / CHECKPOINT)
    assert state["step"] == 2
    assert all(torch.isfinite(v).all() for v in state["optimising"]["network"].values())


def test_a_flow_without_a_finished_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no finished codec: train one first"):
        start(tmp_path / "run", flow_run(tmp_path / "nowhere"))


def test_a_flow_that_does_not_fit_its_codec_is_refused_before_rendering(
    codec_run: Path, tmp_path: Path
) -> None:
    text = flow_run(codec_run).replace("io_channels = 8", "io_channels = 4")
    with pytest.raises(RunError, match="must be the codec's latent_dim 8, got 4"):
        start(tmp_path / "run", text)
    assert not (tmp_path / "run" / "pool").exists()


def test_an_exported_run_is_a_model_that_plays(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    target = tmp_path / "my model"
    export_model(
        flow_folder, codec_run, target, ModelInfo("mine"), SamplingConfig("euler", 2.0, 1.5)
    )
    generator = load_generator(target, "cpu")
    assert generator.card.name == "mine"
    assert generator.card.vocabulary == vocabulary()
    recipe = Recipe("punchy kick", seconds=0.25, steps=2, seed=1)
    made = generator.generate(recipe)
    assert made.clip.frames == 11_025
    assert np.abs(made.clip.samples).max() > 0
    again = generator.generate(replace(recipe, strength=0.2), made.clip)
    assert again.clip.frames == 11_025


def test_exported_weights_are_the_averaged_ones(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    export_model(flow_folder, codec_run, tmp_path, ModelInfo("mine"), SamplingConfig())
    exported = load_generator(tmp_path, "cpu").model.conditioner.state_dict()
    average = read(flow_folder / CHECKPOINT)["optimising"]["average"]
    for name, tensor in exported.items():
        wanted = average[f"conditioner.{name}"]
        assert torch.allclose(tensor, wanted, rtol=1e-3, atol=1e-6), name


def test_a_share_of_the_flow_s_weights_can_be_kept(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    arc = start(tmp_path / "arc", arc_run(flow_folder).replace("1e-3", "1e-2"))
    export_model(arc, codec_run, tmp_path / "kept", ModelInfo("mine"), SamplingConfig(), 0.25)
    exported = load_generator(tmp_path / "kept", "cpu").model.conditioner.state_dict()
    trained, flow = (
        read(folder / CHECKPOINT)["optimising"]["average"] for folder in (arc, flow_folder)
    )
    for name, tensor in exported.items():
        full = f"conditioner.{name}"
        wanted = 0.75 * trained[full] + 0.25 * flow[full]
        assert torch.allclose(tensor, wanted, rtol=1e-3, atol=1e-5), name
    notes = load_generator(tmp_path / "kept", "cpu").card.trained.notes
    assert "of whose weights 25% are kept" in notes
    with pytest.raises(RunError, match="is no ARC run: it has no flow to keep a share of"):
        export_model(
            flow_folder, codec_run, tmp_path / "no", ModelInfo("mine"), SamplingConfig(), 0.25
        )


def test_a_run_that_is_no_flow_or_has_no_checkpoint_is_not_exported(
    codec_run: Path, tmp_path: Path
) -> None:
    for folder, said in ((codec_run, "is no flow run"), (tmp_path, "holds no checkpoint")):
        with pytest.raises(RunError, match=said):
            export_model(folder, codec_run, tmp_path / "model", ModelInfo("mine"), SamplingConfig())


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_model_that_does_not_fit_on_the_disk_is_no_model(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    model = tmp_path / "models" / "mine"
    with largest_file(5_000), pytest.raises(RunError, match="could not be written to"):
        export_model(flow_folder, codec_run, model, ModelInfo("mine"), SamplingConfig())
    assert list_models(model.parent) == []
    export_model(flow_folder, codec_run, model, ModelInfo("mine"), SamplingConfig())
    assert list_models(model.parent) == [model]


def test_a_codec_that_does_not_fit_is_not_exported(flow_folder: Path, tmp_path: Path) -> None:
    other = start(tmp_path / "codec", CODEC_RUN.replace("latent_dim = 8", "latent_dim = 4"))
    with pytest.raises(RunError, match="is not the codec of this run"):
        export_model(flow_folder, other, tmp_path / "model", ModelInfo("mine"), SamplingConfig())


def test_a_codec_may_begin_with_the_weights_of_another(codec_run: Path, tmp_path: Path) -> None:
    begin = f"begin = '{codec_run}'\ncrop_frames"
    text = CODEC_RUN.replace("crop_frames", begin, 1).replace(
        "learning_rate = ", "learning_rate = 1e-9 #"
    )
    first, second = (load_codec(f) for f in (codec_run, start(tmp_path / "run", text)))
    torch.testing.assert_close(first.encoder_in.weight, second.encoder_in.weight, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        first.decoder_skip.weight, second.decoder_skip.weight, atol=1e-5, rtol=0
    )
    with pytest.raises(ConfigError, match="refine or begin"):
        start(tmp_path / "both", text.replace("crop_frames", "refine = 'x'\ncrop_frames", 1))


def test_a_refined_codec_keeps_its_latents_and_changes_its_decoder(
    codec_run: Path, tmp_path: Path
) -> None:
    refine = f"refine = '{codec_run}'\npitch_weight = 3.0\ncrop_frames"
    run = start(tmp_path / "run", CODEC_RUN.replace("crop_frames", refine, 1))
    first, refined = (load_codec(folder) for folder in (codec_run, run))
    sound = torch.randn(1, 2, 8000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(first.encode(sound), refined.encode(sound))
    assert not torch.equal(first.decoder_out.weight, refined.decoder_out.weight)
    with pytest.raises(RunError, match=r"sizes of \[codec\] must be those of"):
        wider = CODEC_RUN.replace("crop_frames", refine, 1).replace("width = 16", "width = 32")
        start(tmp_path / "wider", wider)


def test_a_run_begins_with_a_models_weights_and_words(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    export_model(flow_folder, codec_run, model, ModelInfo("mine"), SamplingConfig())
    text = flow_run(model).replace("tokens_per_batch", f"begin = '{model}'\ntokens_per_batch")
    begun = start(tmp_path / "begun", text.replace("learning_rate = 1e-3", "learning_rate = 1e-9"))
    state = read(begun / CHECKPOINT)
    assert tuple(state["vocabulary"]) == vocabulary()
    exported = load_generator(model, "cpu").model.conditioner.state_dict()
    for name, tensor in exported.items():
        kept = state["optimising"]["network"][f"conditioner.{name}"]
        assert torch.allclose(kept, tensor, atol=1e-5)


def test_a_run_adds_its_own_words_to_those_of_the_model_it_begins_with(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    model, sounds = tmp_path / "model", tmp_path / "sounds"
    export_model(flow_folder, codec_run, model, ModelInfo("mine"), SamplingConfig())
    for name in ("glorbic pad", "soft pad"):
        put(sounds / f"{name}.wav")
    text = flow_run(model).replace("tokens_per_batch", f"begin = '{model}'\ntokens_per_batch")
    text = text.replace('families = ["drum"]', f"folder = '{sounds}'")
    text = text.replace("clips = [6]", "clips = [0]").replace("rate = 1e-3", "rate = 1e-9")
    run = start(tmp_path / "run", text)
    state = read(run / CHECKPOINT)
    assert tuple(state["vocabulary"]) == (*vocabulary(), "glorbic")
    rows = state["optimising"]["network"]["conditioner.t5.shared.weight"]
    known = load_generator(model, "cpu").model.conditioner.state_dict()["t5.shared.weight"]
    assert torch.allclose(rows[: len(known)], known, atol=1e-5)
    # A new word begins as one that the model was never taught.
    assert torch.allclose(rows[-1], known[UNKNOWN], atol=1e-5)
    export_model(run, codec_run, tmp_path / "more", ModelInfo("more"), SamplingConfig())
    assert "glorbic" in load_generator(tmp_path / "more", "cpu").card.vocabulary


def test_a_run_may_add_timing_to_the_model_it_begins_with(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    export_model(flow_folder, codec_run, model, ModelInfo("mine"), SamplingConfig())
    text = flow_run(model).replace("tokens_per_batch", f"begin = '{model}'\ntokens_per_batch")
    timed = text.replace("depth = 1", "depth = 1\nlatents_per_second = 43.0")
    state = read(start(tmp_path / "timed", timed) / CHECKPOINT)
    weight = "transformer.transformer.to_timing_embed.weight"
    assert state["optimising"]["network"][weight].any()


def test_a_run_may_add_tonics_which_begin_as_notes(codec_run: Path, tmp_path: Path) -> None:
    run, model = tmp_path / "pooled", tmp_path / "model"
    plain = flow_run(codec_run).replace("ff_width = 16", "ff_width = 16\npooled = true")
    export_model(start(run, plain), codec_run, model, ModelInfo("mine"), SamplingConfig())
    slow = plain.replace("rate = 1e-3", "rate = 1e-9")
    text = slow.replace("tokens_per_batch", f"begin = '{model}'\ntokens_per_batch")
    keyed = text.replace("pooled = true", "pooled = true\nkeyed = true")
    state = read(start(tmp_path / "keyed", keyed) / CHECKPOINT)
    weight = state["optimising"]["network"]["conditioner.exact.0.weight"]
    taught = load_generator(model, "cpu").model.conditioner.state_dict()["exact.0.weight"]
    assert torch.allclose(weight[:, :-1], taught, atol=1e-5)
    assert torch.allclose(weight[:, -1], taught[:, NOTE_MARK], atol=1e-5)


def test_a_killed_distillation_goes_on_with_the_same_teacher(
    flow_folder: Path, codec_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    export_model(flow_folder, codec_run, model, ModelInfo("mine"), SamplingConfig())
    begin = f"begin = '{model}'\n"
    text = flow_run(model).replace("tokens_per_batch", f"{begin}tokens_per_batch")
    distilling = text.replace(begin, f"{begin}distilled_guidance = 3.0\n")
    plain, whole = start(tmp_path / "plain", text), start(tmp_path / "whole", distilling)
    with monkeypatch.context() as during:
        kill_at(4, during)
        with pytest.raises(Killed):
            start(tmp_path / "run", distilling)
    start(tmp_path / "run", distilling)
    assert_same(read(tmp_path / "run" / CHECKPOINT), read(whole / CHECKPOINT))
    losses = [last_line(folder)["loss"] for folder in (plain, whole)]
    # Data's velocity is beyond an untrained network, its own teacher's is not far.
    assert losses[1] < losses[0]


def test_a_run_of_other_sizes_cannot_begin_with_a_model(
    flow_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    export_model(flow_folder, codec_run, model, ModelInfo("mine"), SamplingConfig())
    text = flow_run(model).replace("tokens_per_batch", f"begin = '{model}'\ntokens_per_batch")
    with pytest.raises(RunError, match="sizes"):
        start(tmp_path / "run", text.replace("depth = 1", "depth = 2"))
