"""launchd and systemd: render, install and look at the service."""
