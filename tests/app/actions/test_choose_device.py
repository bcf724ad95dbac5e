from app.actions.choose_device import ChooseDevice
from app.model.session import Session


class Devices:
    def __init__(self) -> None:
        self.opened: list[tuple[str | None, str | None]] = []

    def open(self, output: str | None = None, input: str | None = None) -> None:
        self.opened.append((output, input))


def test_a_chosen_device_is_opened_and_stands_in_the_session() -> None:
    session, devices = Session(), Devices()
    choose = ChooseDevice(session, devices)
    choose.choose_output("Speakers")
    choose.choose_input("Microphone")
    choose.look_again()
    both = ("Speakers", "Microphone")
    assert devices.opened == [("Speakers", None), both, both]
    assert (session.output, session.input) == both


def test_a_recording_is_not_cut_by_choosing_another_device() -> None:
    session, devices = Session(), Devices()
    said: list[str] = []
    session.notice.connect(lambda notice: said.append(notice.text))
    session.set_recording(True)
    choose = ChooseDevice(session, devices)
    choose.choose_output("Speakers")
    choose.choose_input("Microphone")
    choose.look_again()
    assert devices.opened == [] and session.output is None and session.input is None
    assert "End the recording first" in said[0]
