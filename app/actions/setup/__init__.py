"""Which sound device and which model are used."""
