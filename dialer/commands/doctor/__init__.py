"""What `dialer doctor` looks at, and a service before it begins; see `examine`."""
