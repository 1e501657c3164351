"""One run: discovery, targets, facts, the runner, and the assessment that ties them together."""
