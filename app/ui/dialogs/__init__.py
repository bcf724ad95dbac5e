"""Dialogs and menus: sound devices, round trip, models."""
