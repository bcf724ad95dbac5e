"""Devices that come, go, stall and refuse: what is opened, and what the player is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.audio.devices.keeper import DeviceKeeper
from app.audio.devices.known_round_trips import MOST_KNOWN
from app.audio.devices.messages import NO_INPUT, NO_OUTPUT, NO_SYSTEM
from app.audio.devices.round_trip import RoundTrip
from app.audio.devices.sound_system import Channels, Device
from app.audio.devices.state import AudioState, DeviceRequest, MeasuredTrip
from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PadParameters
from app.audio.recording.recorder import InputRecorder
from tests.fakes.app.sound_system import MICROPHONE, SPEAKERS, FakeSoundSystem

JACK = Device(0, "system", "JACK Audio Connection Kit", 2, 2, 48_000, True, True)
RATE = 48_000
INTERFACE = Device(0, "Interface", "ALSA", 4, 2, 96_000)


class Rig:
    """A keeper with its mixer, recorder and a fake system, and a clock that tests move."""

    def __init__(self, *devices: Device) -> None:
        self.mixer = Mixer()
        self.recorder = InputRecorder(48_000, seconds=2.0)
        self.system = FakeSoundSystem(*devices)
        self.keeper = DeviceKeeper(self.mixer, self.recorder, self.system)
        self.now_s = 100.0

    def choose(self, output: str | None = None, source: str | None = None) -> AudioState:
        return self.request(DeviceRequest(output, source))

    def request(self, request: DeviceRequest) -> AudioState:
        self.keeper.choose(request, self.now_s)
        return self.keeper.state()

    def wait(self, seconds: float, play: bool = True) -> AudioState:
        """Let time pass in looks of 0.1 s; open streams call back all the while."""
        for _ in range(round(seconds / 0.1)):
            if play:
                for stream in self.system.open_streams:
                    if stream.active:
                        incoming = np.zeros((128, stream.plan.channels), np.float32)
                        stream.run(128, incoming if stream.kind == "input" else None)
            self.now_s += 0.1
            self.keeper.poll(self.now_s)
        return self.keeper.state()


def test_a_take_whose_input_goes_away_and_stays_away_is_cut_and_kept() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    rig.recorder.start()
    rig.system.stream("input").run(128, np.full((128, 1), 0.25, np.float32))
    assert not rig.recorder.cut
    rig.system.stream("input").pulled_out = True
    rig.system.devices.remove(MICROPHONE)
    assert rig.wait(0.2).input_name is None
    assert rig.recorder.cut
    clip = rig.recorder.stop()
    assert clip is not None and np.all(clip.samples == 0.25) and len(clip.samples) == 128


def test_output_and_input_open_and_are_named() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    state = rig.wait(0.2)
    assert (state.output_name, state.input_name, state.message) == ("Speakers", "Microphone", "")
    assert (state.rate, state.block_frames) == (48_000, 128)
    assert state.latency_ms == pytest.approx(5.0 + 78 / 48)
    assert (state.outputs, state.inputs) == (("Speakers",), ("Microphone",))


def test_a_hit_comes_out_of_the_stream() -> None:
    rig = Rig(SPEAKERS)
    rig.choose()
    rig.mixer.load(0, np.full((1000, 2), 0.25, np.float32))
    rig.mixer.hit(0)
    out = rig.system.stream("output").run(128)
    assert not out[:78].any()
    assert out[78, 0] == 0.25


def test_without_an_output_it_says_so_and_finds_one_within_two_seconds() -> None:
    rig = Rig()
    state = rig.choose()
    assert state.output_name is None
    assert state.message == NO_OUTPUT
    rig.system.devices.append(SPEAKERS)
    assert rig.wait(1.5).output_name is None
    assert rig.wait(0.7).output_name == "Speakers"


def test_looking_again_is_not_done_more_often_than_every_two_seconds() -> None:
    rig = Rig()
    rig.choose()
    rig.wait(10.0)
    assert rig.system.scans <= 6


def test_a_missing_microphone_does_not_stop_the_output() -> None:
    state = Rig(SPEAKERS).choose()
    assert state.output_name == "Speakers"
    assert state.input_name is None
    assert state.message == NO_INPUT


def test_a_microphone_that_cannot_be_opened_does_not_stop_the_output() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.system.refuses_start.add("Microphone")
    state = rig.choose()
    assert state.output_name == "Speakers"
    assert "Microphone could not be opened (Device unavailable)" in state.message
    assert len(rig.system.open_streams) == 1


def test_input_at_another_rate_records_at_that_rate() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.system.only_own_rate = True
    rig.choose()
    rig.recorder.start()
    rig.system.stream("input").run(128, np.full((128, 1), 0.1, np.float32))
    clip = rig.recorder.stop()
    assert clip is not None
    assert (clip.rate, clip.frames, clip.channels) == (44_100, 128, 1)


def test_output_that_cannot_take_the_mixers_rate_changes_the_mixers() -> None:
    rig = Rig(replace(SPEAKERS, rate=44_100))
    rig.system.only_own_rate = True
    state = rig.choose()
    assert state.rate == 44_100
    assert rig.mixer.rate == 44_100
    assert rig.system.stream("output").plan.rate == 44_100


def test_pulled_out_device_is_told_and_found_again() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    rig.wait(1.0)
    rig.system.stream("output").pulled_out = True
    rig.system.devices.clear()
    state = rig.wait(0.1)
    assert state.output_name is None
    assert state.message != ""
    rig.system.devices += [SPEAKERS, MICROPHONE]
    state = rig.wait(2.1)
    assert (state.output_name, state.input_name, state.message) == ("Speakers", "Microphone", "")


def test_gone_output_is_named() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    rig.wait(1.0)
    rig.system.stream("output").pulled_out = True
    rig.recorder.start()  # so that the scan waits and the message stays
    assert "Speakers is gone" in rig.wait(0.1).message


def test_an_output_whose_callbacks_stand_still_is_closed_and_opened_again() -> None:
    rig = Rig(SPEAKERS)
    rig.choose()
    rig.wait(1.0)
    first = rig.system.stream("output")
    rig.wait(0.9, play=False)
    assert not first.closed
    rig.wait(0.4, play=False)
    assert first.closed
    assert rig.system.stream("output") is not first


def test_pulled_out_microphone_is_told_while_pads_play_on() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    rig.wait(1.0)
    output = rig.system.stream("output")
    rig.system.stream("input").pulled_out = True
    rig.system.devices.remove(MICROPHONE)
    state = rig.wait(0.1)
    assert "Microphone is gone" in state.message
    assert state.output_name == "Speakers"
    assert not output.closed


def test_microphone_plugged_in_later_is_found_when_nothing_plays() -> None:
    rig = Rig(SPEAKERS)
    rig.choose()
    rig.mixer.load(0, np.full((48_000, 2), 0.1, np.float32))
    rig.mixer.configure(0, PadParameters("loop"))
    rig.mixer.hit(0)
    rig.wait(1.0)
    output = rig.system.stream("output")
    rig.system.devices.append(MICROPHONE)
    assert rig.wait(12.0).input_name is None
    assert not output.closed
    rig.mixer.stop_all()
    assert rig.wait(12.0).input_name == "Microphone"


def test_nothing_is_interrupted_while_no_microphone_comes() -> None:
    rig = Rig(SPEAKERS)
    rig.choose()
    output = rig.system.stream("output")
    rig.wait(30.0)
    assert not output.closed
    assert 2 <= rig.system.peeks <= 4


def test_a_take_is_not_cut_by_looking_for_an_output() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    rig.wait(0.3)
    rig.recorder.start()
    rig.system.stream("output").pulled_out = True
    rig.wait(1.0)
    source = rig.system.stream("input")
    source.run(128, np.full((128, 1), 0.5, np.float32))
    clip = rig.recorder.stop()
    assert clip is not None
    assert clip.samples.max() == 0.5
    assert rig.wait(0.2).output_name == "Speakers"


def test_the_requested_output_is_used_and_its_absence_told() -> None:
    rig = Rig(SPEAKERS, INTERFACE)
    assert rig.choose("Interface").output_name == "Interface"
    rig.system.devices.remove(INTERFACE)
    state = rig.choose("Interface")
    assert state.output_name == "Speakers"
    assert "Interface is not there" in state.message


def test_an_output_that_refuses_is_passed_over_for_the_next() -> None:
    rig = Rig(JACK, SPEAKERS)
    rig.system.refuses_open.add("system")
    assert rig.choose().output_name == "Speakers"


def test_when_no_output_opens_the_reason_and_the_way_out_are_told() -> None:
    rig = Rig(SPEAKERS)
    rig.system.refuses_open.add("Speakers")
    message = rig.choose().message
    assert "Speakers could not be opened (Device unavailable)" in message
    assert "Close other programs" in message


def test_jack_is_preferred_to_alsa() -> None:
    assert Rig(SPEAKERS, MICROPHONE, JACK).choose().output_name == "system"
    assert Rig(SPEAKERS, MICROPHONE, JACK).choose().input_name == "system"


def test_without_portaudio_it_says_how_to_install_it_and_stops_looking() -> None:
    rig = Rig()
    rig.system.missing = True
    assert rig.choose().message == NO_SYSTEM
    rig.wait(10.0)
    assert rig.system.scans == 1


def test_a_sound_system_that_does_not_answer_is_asked_again() -> None:
    rig = Rig(SPEAKERS)
    rig.system.broken = "Internal PortAudio error"
    assert "Internal PortAudio error" in rig.choose().message
    rig.system.broken = ""
    assert rig.wait(2.2).output_name == "Speakers"


def test_hits_before_a_device_comes_do_not_all_sound_when_it_comes() -> None:
    rig = Rig()
    rig.choose()
    rig.mixer.load(0, np.full((2400, 2), 0.25, np.float32))
    rig.mixer.hit(0)
    rig.wait(0.5)
    assert rig.mixer.playing(0) is None
    rig.system.devices.append(SPEAKERS)
    rig.wait(2.0, play=False)
    assert not np.abs(rig.system.stream("output").run(4800)).max() > 0.01


def test_nonsense_latency_is_not_shown() -> None:
    rig = Rig(SPEAKERS)
    rig.system.latency_s = 89_478.0
    rig.choose()
    assert rig.wait(0.2).latency_ms == pytest.approx(2 * 128 / 48 + 78 / 48)


def test_closing_closes_streams_before_the_system() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    rig.keeper.close()
    assert rig.system.open_streams == []
    assert rig.system.shut_count == 1


def test_the_requested_input_is_used_and_its_absence_told() -> None:
    rig = Rig(SPEAKERS, MICROPHONE, INTERFACE)
    assert rig.choose(None, "Interface").input_name == "Interface"
    rig.system.devices.remove(INTERFACE)
    state = rig.choose(None, "Interface")
    assert (state.output_name, state.input_name) == ("Speakers", "Microphone")
    assert state.message.startswith("Interface is not there: recording from Microphone until")


def test_two_devices_of_one_name_are_told_apart_by_their_hosts() -> None:
    wasapi = replace(INTERFACE, host="Windows WASAPI")
    mme = replace(INTERFACE, host="MME")
    rig = Rig(SPEAKERS, mme, wasapi)
    names = ("Speakers", "Interface · MME", "Interface · Windows WASAPI")
    assert rig.choose().outputs == names
    rig.choose("Interface")
    assert rig.system.stream("output").plan.device.host == "Windows WASAPI"
    state = rig.choose("Interface · MME")
    assert rig.system.stream("output").plan.device.host == "MME"
    assert (state.output_name, state.message) == ("Interface", NO_INPUT)


def test_a_requested_rate_is_used_and_given_up_again() -> None:
    rig = Rig(SPEAKERS)
    assert rig.request(DeviceRequest(rate=96_000)).rate == 96_000
    assert rig.mixer.rate == rig.system.stream("output").plan.rate == 96_000
    assert rig.choose().rate == 48_000


def test_a_rate_the_device_cannot_do_is_said() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.system.only_own_rate = True
    state = rig.request(DeviceRequest(rate=96_000))
    assert state.rate == 48_000
    assert state.message == "Speakers cannot do 96 kHz: playing at 48 kHz."


def test_a_block_and_exclusive_use_are_passed_on() -> None:
    rig = Rig(replace(SPEAKERS, host="Windows WASAPI"), MICROPHONE)
    assert rig.choose().exclusive
    rig.request(DeviceRequest(block_frames=64, exclusive=True))
    for kind in ("output", "input"):
        plan = rig.system.stream(kind).plan
        assert plan.block_frames == 64 and plan.exclusive
    assert not Rig(SPEAKERS).choose().exclusive


@pytest.mark.parametrize(
    ("text", "opened", "heard"),
    [("", 2, [1.0, 2.0]), ("2", 2, [2.0]), ("3", 3, [3.0]), ("3+4", 4, [3.0, 4.0])],
)
def test_the_requested_channels_are_recorded(text: str, opened: int, heard: list[float]) -> None:
    rig = Rig(replace(SPEAKERS, inputs=4))
    rig.system.devices[0] = replace(SPEAKERS, inputs=4, is_default_input=True)
    state = rig.request(DeviceRequest(channels=Channels.read(text)))
    assert (state.input_channels, state.message) == (4, "")
    stream = rig.system.stream("input")
    assert stream.plan.channels == opened
    rig.recorder.start()
    stream.run(
        64, np.tile(np.arange(1.0, opened + 1.0, dtype=np.float32) / np.float32(10), (64, 1))
    )
    clip = rig.recorder.stop()
    assert clip is not None
    assert np.allclose(clip.samples[-64:], np.array(heard) / 10)


def test_channels_the_device_lacks_are_said_and_the_first_ones_recorded() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    state = rig.request(DeviceRequest(channels=Channels(3, 2)))
    assert state.message == "Microphone has no input 3+4: recording from 1."
    assert state.channels == Channels(1, 1)


@pytest.mark.parametrize("text", ["x", "0", "-1", "1+5", "+", "1+2+3"])
def test_channels_that_are_none_are_the_first_two(text: str) -> None:
    assert Channels.read(text) == Channels() and str(Channels()) == ""


def test_a_system_that_grants_no_real_time_priority_is_told() -> None:
    rig = Rig(SPEAKERS)
    assert rig.choose().realtime
    rig.system.realtime = False
    assert not rig.wait(0.1).realtime


def measured(rig: Rig) -> RoundTrip:
    rig.keeper.measure(lambda: rig.now_s)
    loop = rig.keeper.state().round_trip
    assert loop is not None
    return loop


def test_the_round_trip_is_measured_with_what_is_open() -> None:
    rig = Rig(SPEAKERS, replace(MICROPHONE, rate=48_000))
    rig.choose()
    rig.system.cable_frames = 480
    rig.wait(0.2)
    rig.mixer.load(0, np.full((RATE, 2), 0.25, np.float32))
    rig.mixer.hit(0)
    assert measured(rig) == RoundTrip(10.0, 0.0, 8)
    state = rig.wait(0.2)
    assert (state.output_name, state.input_name) == ("Speakers", "Microphone")
    assert state.round_trip == RoundTrip(10.0, 0.0, 8)
    assert state.round_trip_ms == pytest.approx(10.0 + 78 / 48)
    assert not rig.system.stream("output").run(512).any(), "what was hit meanwhile sounds late"


def test_what_was_measured_is_known_again_with_the_same_devices_rate_and_block() -> None:
    rig = Rig(SPEAKERS, replace(MICROPHONE, rate=48_000), INTERFACE)
    rig.choose()
    rig.system.cable_frames = 480
    rig.wait(0.2)
    measured(rig)
    known = rig.wait(0.2).round_trips
    assert [(trip.output, trip.rate, trip.block_frames) for trip in known] == [
        ("Speakers · ALSA", 48_000, 128)
    ]
    rig.choose("Interface")
    assert rig.wait(0.2).round_trip is None, "measured with another output"
    rig.system.cable_frames = 960
    assert measured(rig) == RoundTrip(20.0, 0.0, 8)
    rig.wait(0.2)
    rig.choose()
    assert rig.wait(0.2).round_trip == RoundTrip(10.0, 0.0, 8)
    rig.system.refuses_loop = True
    assert measured(rig).error, "what failed is told"
    again = Rig(SPEAKERS, replace(MICROPHONE, rate=48_000))
    again.request(DeviceRequest(round_trips=known))
    assert again.wait(0.2).round_trip == RoundTrip(10.0, 0.0, 8)
    again.system.stream("output").run(64)
    assert again.keeper.state().round_trip is None, "measured with another block"


def test_the_newest_round_trips_are_remembered() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    old = tuple(MeasuredTrip("A", "B", 48_000, n, 1.0, 0.0, 8) for n in range(MOST_KNOWN))
    rig.request(DeviceRequest(round_trips=old))
    rig.system.cable_frames = 480
    rig.wait(0.2)
    measured(rig)
    known = rig.keeper.state().round_trips
    assert known[:-1] == old[1:] and known[-1].milliseconds == 10.0


def test_a_round_trip_that_cannot_be_measured_says_why_and_sound_goes_on() -> None:
    rig = Rig(SPEAKERS)
    rig.choose()
    assert "needs a sound output and an input" in measured(rig).error
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    assert "0 of 8 clicks came back" in measured(rig).error
    rig.system.refuses_loop = True
    assert "Illegal combination" in measured(rig).error
    assert rig.wait(0.2).output_name == "Speakers"


def test_a_requested_device_that_comes_back_is_used_again_when_nothing_plays() -> None:
    rig = Rig(SPEAKERS, MICROPHONE, INTERFACE)
    rig.choose("Interface", "Interface")
    rig.wait(0.5)
    rig.system.devices.remove(INTERFACE)
    rig.system.stream("output").pulled_out = True
    rig.system.stream("input").pulled_out = True
    state = rig.wait(2.5)
    assert (state.output_name, state.input_name) == ("Speakers", "Microphone")
    rig.system.devices.append(INTERFACE)
    rig.mixer.load(0, np.full((10 * RATE, 2), 0.25, np.float32))
    rig.mixer.configure(0, PadParameters("loop"))
    rig.mixer.hit(0)
    assert rig.wait(25.0).output_name == "Speakers", "a loop that plays is not cut"
    rig.mixer.stop_all()
    state = rig.wait(11.0)
    assert (state.output_name, state.input_name, state.message) == ("Interface", "Interface", "")
    peeks = rig.system.peeks
    rig.wait(25.0)
    assert rig.system.peeks == peeks


def test_another_device_in_mid_take_ends_the_take() -> None:
    rig = Rig(SPEAKERS, MICROPHONE, replace(MICROPHONE, name="Other", is_default_input=False))
    rig.choose()
    rig.recorder.start()
    rig.wait(0.3)
    rig.choose(None, "Other")
    rig.wait(0.3)
    assert rig.recorder.cut
    clip = rig.recorder.stop()
    assert clip is not None and clip.frames == 3 * 128


# --- outputs that do not keep up ---

UNDERFLOW = 4


def struggle(rig: Rig, seconds: float) -> int:
    """Let every block of the output be missed, ten a second; return what it is asked for then."""
    for _ in range(round(seconds / 0.1)):
        for stream in rig.system.open_streams:
            if stream.kind == "output":
                stream.run(stream.plan.block_frames or 104, flags=UNDERFLOW)
            else:
                stream.run(128, np.zeros((128, stream.plan.channels), np.float32))
        rig.now_s += 0.1
        rig.keeper.poll(rig.now_s)
    return rig.system.stream("output").plan.block_frames


def test_an_output_that_misses_block_after_block_gets_longer_ones() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    assert [struggle(rig, 9.0) for _ in range(3)] == [512, 1024, 1024]
    assert rig.system.scans == 1 and rig.system.stream("input").started
    rig.choose()
    assert rig.system.stream("output").plan.block_frames == 1024
    assert rig.wait(0.2).message == ""


def test_a_burst_of_missed_blocks_changes_nothing() -> None:
    rig = Rig(SPEAKERS)
    rig.choose()
    for _ in range(5):
        assert struggle(rig, 3.0) == 0
        rig.wait(6.0)
        assert rig.system.scans == 1


def test_a_chosen_block_is_kept_however_many_are_missed() -> None:
    rig = Rig(SPEAKERS)
    rig.request(DeviceRequest(block_frames=64))
    assert struggle(rig, 10.0) == 64


def test_the_block_of_a_sound_server_is_its_own() -> None:
    rig = Rig(JACK)
    rig.choose()
    assert struggle(rig, 10.0) == 0


def test_no_recording_is_cut_for_longer_blocks() -> None:
    rig = Rig(SPEAKERS, MICROPHONE)
    rig.choose()
    rig.recorder.start()
    for _ in range(100):
        rig.wait(0.1)
        rig.system.stream("output").run(104, flags=UNDERFLOW)
    assert rig.system.scans == 1
    rig.recorder.stop()
    assert struggle(rig, 0.2) == 512


def test_an_output_that_cannot_be_opened_again_is_looked_for() -> None:
    rig = Rig(SPEAKERS)
    rig.choose()
    struggle(rig, 8.0)
    rig.system.refuses_start.add("Speakers")
    rig.system.stream("output").run(104, flags=UNDERFLOW)
    rig.now_s += 1.0
    rig.keeper.poll(rig.now_s)
    assert rig.keeper.state().output_name is None
    rig.system.refuses_start.clear()
    assert rig.wait(2.5).output_name == "Speakers"
    assert rig.system.stream("output").plan.block_frames == 512
