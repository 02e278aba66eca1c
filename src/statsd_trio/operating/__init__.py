"""What operators need from a running server: health, metrics, HTTP views, systemd."""
