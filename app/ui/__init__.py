"""Qt widgets: show the model, call actions, decide nothing."""
