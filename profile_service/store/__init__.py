"""Where profiles are kept: the relations of a generation and how they are read."""
