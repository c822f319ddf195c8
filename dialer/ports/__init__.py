"""What the engine asks of the outside world: narrow Protocols that adapters fulfil."""
