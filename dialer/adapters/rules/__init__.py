"""Where rules come from: the rules file, holidays, zone data, and which versions are in use."""
