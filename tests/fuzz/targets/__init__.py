"""A file a reader; its name is the target's."""
