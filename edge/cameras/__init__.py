"""Everything that frames come from. One contract, one room or file for each way to a camera.

base, source          what a camera is to the rest, and which one `--camera` means
profile               cameras as data: firmware_configs/cameras/*.yaml
v4l2/, csi/           live: USB and other kernel drivers; the Pi's CSI cameras
gstreamer/, network/  live: NVIDIA's and other pipelines; RTSP and HTTP
recordings/           videos, folders of pictures, the demo
holding/              for all of them: open without waiting, keep the freshest, survive a loss, close in time
finding/              which cameras this machine has, for people, and who may open them
clocks, layout        for drivers: when a frame was taken, how its rows and planes lie in memory
"""

KINDS = (  # what can be written for --camera
    "a recording (CLIP.mp4, file:PATH), a folder of pictures or of clips (DIR, images:DIR, clips:DIR), demo, "
    "/dev/videoN, N, rtsp://..., http://..., gst:PIPELINE, a profile (arducam), OWN.yaml, or PROFILE@SERIAL_OR_PORT "
    "where several are there"
)
