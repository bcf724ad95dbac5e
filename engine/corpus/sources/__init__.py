"""Sources of training sounds: rendered, real, folders, tar shards."""
