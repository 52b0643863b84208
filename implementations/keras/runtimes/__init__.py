"""What Keras leaves to the framework below it: the same functions for each runtime, one of which is used."""
