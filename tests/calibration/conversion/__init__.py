"""Published recordings become ours."""
