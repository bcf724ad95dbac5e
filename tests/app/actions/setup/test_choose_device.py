from app.actions.setup.choose_device import ChooseDevice
from app.audio.devices.sound_system import Channels
from app.audio.devices.state import DeviceRequest
from app.model.session import Session


class Devices:
    def __init__(self) -> None:
        self.opened: list[DeviceRequest] = []

    def open(self, request: DeviceRequest) -> None:
        self.opened.append(request)

    def measure(self) -> None:
        raise AssertionError("nobody asked for that")


def test_a_chosen_device_is_opened_and_stands_in_the_session() -> None:
    session, devices = Session(), Devices()
    choose = ChooseDevice(session, devices)
    choose.choose_output("Speakers")
    choose.choose_input("Microphone")
    choose.look_again()
    both = DeviceRequest("Speakers", "Microphone")
    assert devices.opened == [DeviceRequest("Speakers"), both, both]
    assert (session.output, session.input) == ("Speakers", "Microphone")


def test_block_rate_channels_and_the_device_alone_go_with_every_later_choice() -> None:
    session, devices = Session(), Devices()
    choose = ChooseDevice(session, devices)
    choose.choose_block(64)
    choose.choose_rate(96_000)
    choose.choose_channels("2")
    choose.choose_exclusive(True)
    choose.choose_output("Speakers")
    assert devices.opened[-1] == DeviceRequest("Speakers", None, 64, 96_000, Channels(2, 1), True)
    assert len(devices.opened) == 5


def test_a_recording_is_not_cut_by_choosing_another_device() -> None:
    session, devices = Session(), Devices()
    said: list[str] = []
    session.notice.connect(lambda notice: said.append(notice.text))
    session.set_recording(True)
    choose = ChooseDevice(session, devices)
    choose.choose_output("Speakers")
    choose.choose_input("Microphone")
    choose.choose_block(64)
    choose.choose_rate(96_000)
    choose.choose_channels("2")
    choose.choose_exclusive(True)
    choose.look_again()
    assert (
        devices.opened == []
        and session.rate == session.block_frames == 0
        and session.output is None
        and session.input is None
    )
    assert "End the recording first" in said[0]
