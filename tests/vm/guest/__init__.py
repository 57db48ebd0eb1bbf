"""What runs inside the VM beside the code under test. Standard library only, Debian's Python."""
