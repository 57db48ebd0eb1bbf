"""Turns what the user wrote after `--camera` into a camera; imports no driver before it is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from edge.cameras import KINDS
from edge.cameras.base import Camera, CameraSource
from edge.cameras.profile import CameraProfile, camera_profiles, driver_of, read_camera_profile
from edge.cameras.recordings import CLIPS_PREFIX, FILE_PREFIX, IMAGES_PREFIX
from edge.errors import UsageError
from edge.paths import shown, user_path

PIPELINE_PREFIX = "gst:"
FILE_PREFIXES = (FILE_PREFIX, IMAGES_PREFIX, CLIPS_PREFIX)
PROFILE_SUFFIX = ".yaml"
ADDRESS = re.compile("(rtsp|http)s?://")
SCHEMES = ("rtsp", "rtsps", "http", "https")


def open_camera(spec: str, *, realtime: bool = False, fps: float | None = None) -> Camera:
    """Open what KINDS lists: a path is a recording, one of several cameras `arducam@SERIAL_OR_PORT`.

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
    if spec.startswith(CLIPS_PREFIX) and len(spec) > len(CLIPS_PREFIX):
        return _clips(spec, user_path(spec[len(CLIPS_PREFIX) :]), realtime, fps)
    if spec.startswith(PIPELINE_PREFIX) and (pipeline := spec[len(PIPELINE_PREFIX) :].strip()):
        return _pipeline(pipeline)
    if ADDRESS.match(spec):
        return _network(spec)
    if (path := device_path(spec)) is not None:
        return _device(path)
    if (named := named_profile(spec)) is not None:
        return _profile(spec, *named)
    if (prefix := bare_prefix(spec)) is not None:
        return replace(_source(prefix + spec, realtime, fps), name=shown(spec))
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


def bare_prefix(spec: str) -> str | None:
    """The prefix that a path of a recording was written without; None for everything else. Raises UsageError."""
    from edge.cameras.recordings.bare import prefix_of

    if spec == "demo" or not spec.strip() or device_path(spec) is not None or named_profile(spec) is not None:
        return None
    return (
        None
        if spec.startswith((*FILE_PREFIXES, PIPELINE_PREFIX)) or ADDRESS.match(spec)
        else prefix_of(user_path(spec))
    )


def _recording(spec: str, path: Path, realtime: bool, fps: float | None) -> CameraSource:
    from edge.cameras.recordings.video_file import open_recording

    name = shown(spec)
    return CameraSource(name, live=False, open=partial(open_recording, path, realtime, name, fps))


def _images(spec: str, folder: Path, realtime: bool, fps: float | None) -> CameraSource:
    from edge.cameras.recordings.image_folder import open_folder

    name = shown(spec)
    return CameraSource(name, live=False, open=partial(open_folder, folder, realtime, fps, name))


def _clips(spec: str, folder: Path, realtime: bool, fps: float | None) -> CameraSource:
    from edge.cameras.recordings.clip_folder import ClipFolder

    name = shown(spec)
    return CameraSource(name, live=False, open=partial(ClipFolder, folder, realtime, fps, name))


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
    if guess := _guess(spec):
        return f"unknown camera {_public(spec)!r}; did you mean {guess}?"
    if _is_path(spec):
        return f"unknown camera {_public(spec)!r}: no such file or folder; check the path"
    profiles = "; ".join(
        f"{profile.name}{''.join(f' ({alias})' for alias in profile.aliases)}: {profile.title}"
        for profile in camera_profiles().values()
    )
    return f"unknown camera {_public(spec)!r}; use {KINDS}. Profiles: {profiles}"


def _guess(spec: str) -> str:
    """What may have been meant: a name, a prefix, an address, or a file beside the one that is not there."""
    from edge.cameras.recordings.bare import like

    if "://" in spec:
        scheme, rest = _public(spec).split("://", 1)
        near = get_close_matches(scheme.lower(), SCHEMES, n=1)
        return f"{near[0]}://{rest}" if near else ""
    word, colon, rest = spec.partition(":")
    if colon:
        near = get_close_matches(f"{word.lower()}:", (*FILE_PREFIXES, PIPELINE_PREFIX), n=1)
        return f"{near[0]}{rest}" if near and rest.strip() else ""
    if _is_path(spec):
        return like(user_path(spec))
    name, at, which = spec.partition("@")
    names = [name for profile in camera_profiles().values() for name in (profile.name, *profile.aliases)]
    near = get_close_matches(name.lower(), ["demo", *names], n=1)
    return f"{near[0]}{at if which else ''}{which}" if near else like(user_path(spec))


def _is_path(spec: str) -> bool:
    return "://" not in spec and ("/" in spec or bool(Path(spec.partition("@")[0]).suffix))


def _public(spec: str) -> str:
    """An address of an unknown kind may hold a password, too."""
    if "://" not in spec:
        return spec
    from edge.cameras.network.camera import public_url

    return public_url(spec)
