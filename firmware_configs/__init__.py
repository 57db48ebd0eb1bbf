"""Boards, cameras, systemd units and udev rules, as data; edge/cameras/profile.py reads them."""
