"""The harness measured by itself (`versus selfcheck`): `check` measures, `result` is what it found."""
