"""The training room: students, losses, schedules; the only room with PyTorch."""
