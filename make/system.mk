# What some tests use and pip cannot bring: Debian packages (DEBIAN, gathered by the other .mk files) and picamera2.
# Nobody has to have it: `make test` skips those tests and names the reason.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

.PHONY: setup-system

setup-system: $(DEV)/.picamera2 ## install what some tests skip without: Debian packages (through sudo), picamera2
	dpkg -s $(DEBIAN) > /dev/null 2>&1 || { $(SUDO) apt-get -q update && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $(DEBIAN); }
