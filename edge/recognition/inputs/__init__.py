"""What the network sees: one file per form of its input; this one chooses by the manifest.

base, flow      what all forms share; optical flow as those with motion use it
change_flow     change above the noise, and where it moves: the product's
motion          the same by the C core, the camera's own motion taken out first
tracks          the same over the whole picture, seen through a body-sized window for everybody in it
luma_flow, rgb  corrected luma with flow; the corrected frame, as in the papers
"""

from __future__ import annotations

from collections.abc import Callable

from edge.bundles.manifest import FrontEndSpec, GateSpec, InputSpec
from edge.recognition.inputs.base import NetworkInput
from edge.recognition.inputs.change_flow import ChangeFlow
from edge.recognition.inputs.luma_flow import LumaFlow
from edge.recognition.inputs.motion import Motion
from edge.recognition.inputs.rgb import Rgb
from edge.recognition.inputs.tracks import Tracks

__all__ = ["NetworkInput", "network_input"]

FORMS: dict[str, Callable[[FrontEndSpec, InputSpec, GateSpec], NetworkInput]] = {
    "rgb": Rgb,
    "luma_flow": LumaFlow,
    "change_flow": ChangeFlow,
    "motion": Motion,
    "tracks": Tracks,
}


def network_input(front_end: FrontEndSpec, form: InputSpec, gate: GateSpec) -> NetworkInput:
    """The input stage that a manifest describes."""
    return FORMS[form.form](front_end, form, gate)
