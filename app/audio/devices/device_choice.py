"""Device choice: looks devices up by name and ranks the candidates. Plain functions."""

from __future__ import annotations

from collections.abc import Sequence

from app.audio.devices.sound_system import Device

HOSTS = ("JACK Audio Connection Kit", "Core Audio", "ASIO", "Windows WASAPI", "ALSA")
"""Host APIs, those with short and steady blocks first. Any other host comes after them."""
SERVED_HOSTS = ("JACK Audio Connection Kit",)
"""Hosts whose server sets the block size for all its clients."""
EXCLUSIVE_HOSTS = ("Windows WASAPI", "Core Audio")
"""Hosts with an exclusive mode, which allows shorter blocks."""


def list_names(devices: Sequence[Device]) -> tuple[str, ...]:
    """Return each device's name for a menu: with its host where two have the same name."""
    names = [device.name for device in devices]
    return tuple(
        device.name if names.count(device.name) == 1 else full_name(device) for device in devices
    )


def full_name(device: Device) -> str:
    """Return a device's name with its host, which is unambiguous."""
    return f"{device.name} · {device.host}"


def is_called(device: Device, name: str | None) -> bool:
    """Return whether a device has that name, with or without its host."""
    return name in (device.name, full_name(device))


def rank_outputs(devices: Sequence[Device], wanted: str | None) -> list[Device]:
    """Return outputs in the order to try: the requested one, then each host's default."""
    outputs = [device for device in devices if device.outputs > 0]
    named = [device for device in outputs if is_called(device, wanted)]
    defaults = [device for device in outputs if device.is_default_output]
    return _sort_by_host(named) + [d for d in _sort_by_host(defaults) if d not in named]


def rank_inputs(
    devices: Sequence[Device], wanted: str | None, output: Device | None
) -> list[Device]:
    """Return inputs in the order to try: the requested one, then the defaults, that of the
    output's host first.
    """
    inputs = [device for device in devices if device.inputs > 0]
    named = [device for device in inputs if is_called(device, wanted)]
    defaults = _sort_by_host([device for device in inputs if device.is_default_input])
    if output is not None:
        defaults.sort(key=lambda device: device.host != output.host)
    return _sort_by_host(named) + [device for device in defaults if device not in named]


def _sort_by_host(devices: Sequence[Device]) -> list[Device]:
    def rank(device: Device) -> int:
        return HOSTS.index(device.host) if device.host in HOSTS else len(HOSTS)

    return sorted(devices, key=rank)
