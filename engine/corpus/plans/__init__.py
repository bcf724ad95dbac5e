"""Plans of sounds to render: properties, grooves, arrangements."""
