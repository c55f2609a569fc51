"""What arrives between two runs: taken into the log, applied to the standing generation, answered at once."""
