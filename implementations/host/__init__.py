"""What is computed on the host, in float64, for compiled steps of frameworks without optimizers of their own.

A compiled step takes the few numbers that depend on learning rate and step number from here, so that it is
compiled once for all steps, and so that 1 - beta^t keeps its digits in float32. NumPy, by which trainings are
judged, shares no code with what it judges, and has its own.
"""
