"""What the rendered sounds are: where their energy lies, their pitch, their length, their room."""

import math

import pytest
import torch
from torch import Tensor

from engine.corpus.captions.captions import Plan
from engine.corpus.captions.lexicon import lexicon
from engine.corpus.sources.rendered import RenderedCorpus, render

RATE = 44100
QUIET = (0.5, 0.5, 0.1, 0.1)


def plan(kind: str, variant: str = "", form: str = "", **known: object) -> Plan:
    """A plan of a kind; the first variant and form where none is named."""
    entry = lexicon().kinds[kind]
    variants = {each.key: each for each in entry.variants}
    forms = {each.key: each for each in entry.forms}
    settings = {"seconds": 1.0, "pitch": None, "values": QUIET, **known}
    return Plan(
        kind=entry,
        variant=variants.get(variant, entry.variants[0]),
        form=forms.get(form, entry.forms[0]),
        **settings,  # type: ignore[arg-type]
    )


def play(*plans: Plan) -> Tensor:
    frames = round(max(each.seconds for each in plans) * RATE)
    return render(list(plans), frames, RATE, torch.Generator().manual_seed(7))


def share_below(sound: Tensor, hertz: float) -> float:
    power = torch.fft.rfft(sound.mean(0)).abs().square()
    axis = torch.fft.rfftfreq(sound.shape[-1], 1 / RATE)
    return float(power[axis < hertz].sum() / power.sum())


def centroid(sound: Tensor) -> float:
    power = torch.fft.rfft(sound.mean(0)).abs()
    axis = torch.fft.rfftfreq(sound.shape[-1], 1 / RATE)
    return float((power * axis).sum() / power.sum())


def cents_off(sound: Tensor, hertz: float) -> float:
    """How far the strongest of the first two harmonics is from where it belongs."""
    length = 1 << 19
    window = torch.hann_window(sound.shape[-1], dtype=torch.float64)
    level = torch.fft.rfft(sound.mean(0).double() * window, n=length).abs()
    found = []
    for harmonic in (1, 2):
        low = int(harmonic * hertz * 2 ** (-80 / 1200) / RATE * length)
        high = int(harmonic * hertz * 2 ** (80 / 1200) / RATE * length) + 2
        peak = int(level[low:high].argmax()) + low
        cents = 1200 * math.log2(peak * RATE / length / (harmonic * hertz))
        found.append((float(level[peak]), cents))
    return max(found)[1]


def onset(sound: Tensor) -> float:
    """Seconds until a sample passes a hundredth of the peak."""
    loud = sound.abs().amax(0)
    return float((loud > 0.01 * loud.max()).nonzero()[0]) / RATE


@pytest.mark.parametrize("machine", ["808", "909", "606", "acoustic"])
def test_a_kick_has_most_energy_below_200_hz(machine: str) -> None:
    for sound in play(plan("kick", machine), plan("kick", machine, values=(0.95, 0.2, 0.5, 0))):
        assert share_below(sound, 200) > 0.7


def test_a_hat_has_most_energy_above_4_khz() -> None:
    for sound in play(plan("closed hat", "808"), plan("open hat", "909")):
        assert share_below(sound, 4000) < 0.1


def test_an_open_hat_rings_longer_than_a_closed_one() -> None:
    closed, opened = play(plan("closed hat", "909"), plan("open hat", "909"))
    late = slice(int(0.15 * RATE), None)
    assert opened[:, late].square().sum() > 100 * closed[:, late].square().sum()


@pytest.mark.parametrize("form", ["low", "mid"])
def test_toms_are_tuned_in_order(form: str) -> None:
    higher = {"low": "mid", "mid": "high"}[form]
    low, high = play(plan("tom", "909", form), plan("tom", "909", higher))
    assert centroid(low) < centroid(high)


def pitched() -> list[tuple[str, str]]:
    return [
        (kind.key, variant.key)
        for kind in lexicon().kinds.values()
        if kind.pitch and not kind.chord
        for variant in kind.variants
    ]


@pytest.mark.parametrize(("kind", "variant"), pitched())
def test_a_named_note_has_its_pitch_within_ten_cents(kind: str, variant: str) -> None:
    chosen = plan(kind, variant)
    span = chosen.variant.pitch or chosen.kind.pitch
    assert span is not None
    midi = [span.low, span.high]
    plans = [
        plan(kind, variant, pitch=float(note), seconds=1.5, values=(0.5, 0.8, 0.1, 0.1))
        for note in midi
    ]
    for note, sound in zip(midi, play(*plans), strict=True):
        assert abs(cents_off(sound, 440 * 2 ** ((note - 69) / 12))) < 10


def test_bright_is_brighter_than_dark_for_every_kind() -> None:
    for kind in lexicon().kinds.values():
        if "brightness" not in kind.free or kind.key in ("loop", "beatbox loop"):
            continue
        note = None if kind.pitch is None else (kind.pitch.low + kind.pitch.high) // 2
        pair = [plan(kind.key, pitch=note, values=(bright, 0.5, 0.0, 0.0)) for bright in (0.1, 0.9)]
        # Each alone, so that both draw the same random numbers.
        dark, bright = (play(each)[0] for each in pair)
        assert centroid(bright) > 1.1 * centroid(dark), kind.key


def test_long_rings_longer_than_short_for_every_kind() -> None:
    def middle(sound: Tensor) -> float:
        """When half of the sound has passed, in frames."""
        passed = sound.abs().sum(0).cumsum(0)
        return float((passed > 0.5 * passed[-1]).nonzero()[0])

    for kind in lexicon().kinds.values():
        if "decay" not in kind.free:
            continue
        note = None if kind.pitch is None else (kind.pitch.low + kind.pitch.high) // 2
        pair = [plan(kind.key, pitch=note, values=(0.5, decay, 0.0, 0.0)) for decay in (0.1, 0.9)]
        short, long = (play(each)[0] for each in pair)
        assert middle(long) > 1.15 * middle(short), kind.key


def test_a_hall_is_heard_after_the_sound() -> None:
    dry, wet = play(plan("rim", "808"), plan("rim", "808", values=(0.5, 0.5, 0.1, 0.9)))
    late = slice(int(0.4 * RATE), None)
    assert wet[:, late].square().sum() > 1000 * dry[:, late].square().sum()


def test_every_sound_starts_within_two_milliseconds() -> None:
    slow = {
        "riser",
        "reverse cymbal",
        "sweep",
        "car",
        "water",
        "birds",
        "shaker",
        "pad",
    }  # they swell, or wait
    corpus = RenderedCorpus(11)
    batch = corpus.batch(0, 40, 1.2)
    for sound, audio in zip(batch.sounds, batch.audio, strict=True):
        assert sound.kind in slow or onset(audio) < (0.002 if sound.family == "drum" else 0.02), (
            sound
        )


@pytest.mark.parametrize("variant", [each.key for each in lexicon().kinds["riser"].variants])
@pytest.mark.parametrize("brightness", [0.1, 0.9])
def test_every_riser_gets_louder_and_brighter(variant: str, brightness: float) -> None:
    [sound] = play(plan("riser", variant, seconds=2.0, values=(brightness, 0.5, 0.0, 0.0)))
    third = sound.shape[-1] // 3
    first, last = sound[:, :third], sound[:, -third:]
    assert last.square().mean() > 4 * first.square().mean()
    assert centroid(last) > 1.3 * centroid(first)


def test_rendering_makes_every_tensor_on_the_asked_device() -> None:
    corpus = RenderedCorpus(0, families=lexicon().families())
    torch.set_default_device("meta")  # a tensor made without a device could not be mixed in
    try:
        assert corpus.batch(0, 48, 2.0, "cpu").audio.device.type == "cpu"
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize("kind", ["snare", "bass", "pad", "kick"])
def test_a_dark_sound_stays_dark_when_distorted(kind: str) -> None:
    note = None if kind in ("snare", "kick") else 48.0
    dark = play(plan(kind, pitch=note, values=(0.1, 0.6, 0.95, 0.0)))[0]
    bright = play(plan(kind, pitch=note, values=(0.9, 0.6, 0.95, 0.0)))[0]
    assert centroid(bright) > 1.3 * centroid(dark)


def test_a_distorted_bell_keeps_its_pitch() -> None:
    note = 72
    bell = play(plan("bell", "fm", pitch=note, values=(0.8, 0.8, 1.0, 0.0)))[0]
    hertz = 440 * 2 ** ((note - 69) / 12)
    assert share_below(bell, 0.8 * hertz) < 0.15
    assert abs(cents_off(bell, hertz)) < 10


@pytest.mark.parametrize(
    ("kind", "form", "steps"),
    [
        ("scale", "minor", (0, 2, 3, 5, 7, 8, 10, 12)),
        ("scale", "major pentatonic", (0, 2, 4, 7, 9, 12)),
        ("arpeggio", "major", (0, 4, 7, 12, 16, 12, 7, 4)),
    ],
)
def test_scales_and_arpeggios_go_through_their_notes(
    kind: str, form: str, steps: tuple[int, ...]
) -> None:
    asked = plan(kind, "piano", form, pitch=60.0, seconds=4.0)
    # Beside one of another length and number of notes: each has its own times.
    sound = play(asked, plan("scale", "piano", "minor pentatonic", pitch=50.0, seconds=1.3))[0]
    slot = 4.0 / len(steps)
    for place, rise in enumerate(steps):
        heard = sound[:, round((place + 0.2) * slot * RATE) : round((place + 0.9) * slot * RATE)]
        assert abs(cents_off(heard, 440 * 2 ** ((60 + rise - 69) / 12))) < 25
    assert sound[:, -100:].abs().max() < 0.05
