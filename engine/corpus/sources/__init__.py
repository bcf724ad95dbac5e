"""Where training sounds come from: rendered, folders, tar shards."""
