"""Turns what the user wrote after `--camera` into a camera; imports no driver before it is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from edge.cameras.base import Camera, CameraSource
from edge.cameras.profile import CameraProfile, camera_profiles, driver_of, read_camera_profile
from edge.errors import UsageError
from edge.paths import shown, user_path

FILE_PREFIX, IMAGES_PREFIX, PIPELINE_PREFIX = "file:", "images:", "gst:"
PROFILE_SUFFIX = ".yaml"
ADDRESS = re.compile("(rtsp|http)s?://")


def open_camera(spec: str, *, realtime: bool = False, fps: float | None = None) -> Camera:
    """Open `demo`, `file:PATH`, `images:DIR`, `/dev/videoN`, `N`, a profile (`arducam`, `own.yaml`), or one of several.

    The last is written `arducam@SERIAL_OR_PORT`.
    realtime: play a recording at its own pace. fps: of a recording; a camera has its own, and a note says so.
    Raises UsageError for an unknown name, ConfigError for a wrong profile, CameraError otherwise.
    """
    return camera_source(spec, realtime=realtime, fps=fps).open()


def camera_source(spec: str, *, realtime: bool = False, fps: float | None = None) -> CameraSource:
    """Understand what the user wrote without opening it. Raises UsageError; ConfigError for a wrong profile."""
    source = _source(spec, realtime, fps)
    return source if fps is None or not source.live else replace(source, open=partial(_open_at_its_rate, source.open))


def _source(spec: str, realtime: bool, fps: float | None) -> CameraSource:
    if spec == "demo":
        from edge.cameras.recordings.demo import open_demo

        return CameraSource(spec, live=False, open=partial(open_demo, realtime, fps))
    if spec.startswith(FILE_PREFIX) and len(spec) > len(FILE_PREFIX):
        return _recording(spec, user_path(spec[len(FILE_PREFIX) :]), realtime, fps)
    if spec.startswith(IMAGES_PREFIX) and len(spec) > len(IMAGES_PREFIX):
        return _images(spec, user_path(spec[len(IMAGES_PREFIX) :]), realtime, fps)
    if spec.startswith(PIPELINE_PREFIX) and (pipeline := spec[len(PIPELINE_PREFIX) :].strip()):
        return _pipeline(pipeline)
    if ADDRESS.match(spec):
        return _network(spec)
    if (path := device_path(spec)) is not None:
        return _device(path)
    if (named := named_profile(spec)) is not None:
        return _profile(spec, *named)
    raise UsageError(_unknown(spec))


def device_path(spec: str) -> Path | None:
    """The node that `/dev/...` or `N` means; None for everything else."""
    if spec.isdecimal() and spec.isascii():
        return Path(f"/dev/video{spec}")
    return Path(spec) if spec.startswith("/dev/") else None


def named_profile(spec: str) -> tuple[CameraProfile, str] | None:
    """The profile that `NAME` or `OWN.yaml` means, and which of its kind (`NAME@WHICH`); None for everything else.

    Raises ConfigError for a file that is no profile.
    """
    name, at, which = spec.partition("@")
    if name.endswith(PROFILE_SUFFIX) and bool(which) == bool(at):
        return read_camera_profile(user_path(name)), which
    for profile in camera_profiles().values():
        if name in (profile.name, *profile.aliases) and bool(which) == bool(at):
            return profile, which
    return None


def _recording(spec: str, path: Path, realtime: bool, fps: float | None) -> CameraSource:
    from edge.cameras.recordings.video_file import open_recording

    name = shown(spec)
    return CameraSource(name, live=False, open=partial(open_recording, path, realtime, name, fps))


def _images(spec: str, folder: Path, realtime: bool, fps: float | None) -> CameraSource:
    from edge.cameras.recordings.image_folder import open_folder

    name = shown(spec)
    return CameraSource(name, live=False, open=partial(open_folder, folder, realtime, fps, name))


def _device(path: Path) -> CameraSource:
    from edge.cameras.v4l2.camera import open_device

    return CameraSource(str(path), live=True, open=partial(open_device, path))


def _pipeline(pipeline: str) -> CameraSource:
    from edge.cameras.gstreamer.camera import open_pipeline

    return CameraSource("gst", live=True, open=partial(open_pipeline, pipeline))


def _network(url: str) -> CameraSource:
    from edge.cameras.network.camera import NetworkCamera, checked_url, public_url

    return CameraSource(public_url(url), live=True, open=partial(NetworkCamera, checked_url(url)))


def _profile(spec: str, profile: CameraProfile, which: str) -> CameraSource:
    driver = driver_of(profile)
    if driver == "picamera2":
        from edge.cameras.csi.camera import open_profile

        return CameraSource(spec, live=True, open=partial(open_profile, profile, which))
    if driver == "gstreamer":
        from edge.cameras.gstreamer import camera as gstreamer

        return CameraSource(spec, live=True, open=partial(gstreamer.open_found, gstreamer.finder_of(profile, which)))
    from edge.cameras.v4l2 import camera as v4l2
    from edge.cameras.v4l2.sysfs import DeviceFinder

    return CameraSource(spec, live=True, open=partial(v4l2.open_found, DeviceFinder(profile, which)))


def _open_at_its_rate(open: Callable[[], Camera]) -> Camera:
    camera = open()
    camera.notes = (*camera.notes, "fps is the rate of a recording; a camera's is in its profile")
    return camera


def _unknown(spec: str) -> str:
    with suppress(OSError, ValueError):  # a name that no file can have
        if (path := user_path(spec)).exists():
            form = IMAGES_PREFIX if path.is_dir() else FILE_PREFIX
            return f"unknown camera {spec!r}; for a recording write {form}{spec}"
    profiles = "; ".join(
        f"{profile.name}{''.join(f' ({alias})' for alias in profile.aliases)}: {profile.title}"
        for profile in camera_profiles().values()
    )
    return (
        f"unknown camera {_public(spec)!r}; use demo, file:PATH, images:DIR, /dev/videoN, N, rtsp://..., http://..., "
        f"gst:PIPELINE, a profile, OWN{PROFILE_SUFFIX}, or PROFILE@SERIAL_OR_PORT where several are there. "
        f"Profiles: {profiles}"
    )


def _public(spec: str) -> str:
    """An address of an unknown kind may hold a password, too."""
    if "://" not in spec:
        return spec
    from edge.cameras.network.camera import public_url

    return public_url(spec)
