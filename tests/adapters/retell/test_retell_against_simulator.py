"""Every method of the client against the simulator, which was written from the same pages by somebody else."""
