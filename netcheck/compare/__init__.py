"""What changed between two runs, or two saved AWS configurations. Pure but for `sides` and `proof`."""
