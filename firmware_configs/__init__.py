"""Boards, cameras, systemd units and udev rules, as data; edge/profiles.py reads them."""
