"""What changed between two runs or two saved AWS configurations. Pure, except for `sides` and `proof`."""
