"""What each command does, without argv and without print: one file per command, by its name."""
