"""Time and memory of the commands that judge a run and say what is wrong with it."""
