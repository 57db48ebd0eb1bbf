# The tests of camera drivers; what they need beyond the registry's wheels is in DEBIAN (make/system.mk).
DEBIAN += gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gir1.2-gst-rtsp-server-1.0
DEBIAN += gstreamer1.0-libcamera python3-gi
# Without its dependencies: one of them needs libcap's headers, none of the others is imported by what is tested.
PICAMERA2 := picamera2==0.3.38 PiDNG av piexif pillow simplejpeg videodev2
.PHONY: test-gstreamer test-csi

test-gstreamer: $(DEV)/.installed ## real GStreamer pipelines, and RTSP from GStreamer's server
	$(BIN)/python -m pytest tests/edge/cameras/gstreamer/test_camera.py tests/edge/cameras/network/test_camera.py

test-csi: $(DEV)/.installed $(DEV)/.picamera2 ## the real picamera2 on a played libcamera
	$(BIN)/python -m pytest tests/edge/cameras/csi/test_camera.py tests/edge/cameras/csi/test_listing_csi.py

$(DEV)/.picamera2: $(DEV)/.installed make/cameras.mk
	$(BIN)/pip install --quiet --no-deps $(PICAMERA2)
	touch $@
