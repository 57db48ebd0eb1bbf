# The service's tests: systemd-analyze, and a container that boots the real systemd (root only); without them they skip.
DEBIAN += systemd systemd-container
.PHONY: test-service

test-service: $(DEV)/.installed ## the service in a container that boots systemd (root): updates, hang, limits, removal
	$(BIN)/python -m pytest -v tests/firmware_configs tests/edge/deploy
