# What the tests of camera drivers need beyond the registry's wheels; without it they skip, and say so.
DEBIAN += gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gir1.2-gst-rtsp-server-1.0
DEBIAN += gstreamer1.0-libcamera python3-gi
# Without its dependencies: one of them needs libcap's headers, none of the others is imported by what is tested.
PICAMERA2 := picamera2==0.3.38 PiDNG av piexif pillow simplejpeg videodev2
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo -n)
.PHONY: debian test-gstreamer test-csi

debian: ## install the Debian packages that some tests use
	dpkg -s $(DEBIAN) > /dev/null 2>&1 || { $(SUDO) apt-get -q update && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get -qy install --no-install-recommends $(DEBIAN); }

test-gstreamer: $(DEV)/.installed debian ## real GStreamer pipelines, and RTSP from GStreamer's server
	$(BIN)/python -m pytest tests/edge/cameras/gstreamer/test_camera.py tests/edge/cameras/test_network.py

test-csi: $(DEV)/.installed $(DEV)/.picamera2 ## the real picamera2 on a played libcamera
	$(BIN)/python -m pytest tests/edge/cameras/csi/test_camera.py tests/edge/cameras/csi/test_listing_csi.py

$(DEV)/.picamera2: $(DEV)/.installed make/cameras.mk
	$(BIN)/pip install --quiet --no-deps $(PICAMERA2)
	touch $@
