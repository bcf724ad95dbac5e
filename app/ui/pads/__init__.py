"""The sixteen pads and the panel of the selected one."""
