"""The machine: its clock, its files' modes, systemd."""
