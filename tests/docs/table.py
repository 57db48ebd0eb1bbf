"""How each documented command is checked. Every one of our programs' is parsed by its own parser; besides:

RUN        run in the workplace as it is written; `more` makes it quick, `says` must be in what it prints
WHY_NOT    not run, by reason; a reason that is a file of tests says where the same is run
PARTS      a part of a command, and the words that make it whole for its parser

A new command in a page fails the test until it stands in one of the three. Text is as in the page, without comment,
blanks squeezed, continued lines joined.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """more: options behind the documented ones. codes: its exit codes. says: in stdout or stderr. makes: files."""

    says: str = ""
    more: str = ""
    codes: tuple[int, ...] = (0,)
    makes: tuple[str, ...] = ()


# A handful of small clips and random weights say nothing about accuracy, and a student this small is not faster.
QUICK = "--limit 8 --estimator minmax --max-drop 100 --force --workers 1"

FOUND = (0, 1)  # of edge-doctor: what is wrong with this machine is not the page's fault

RUN: dict[str, Run] = {
    "edge-run --camera demo": Run("walk"),
    "edge-run demo": Run("walk"),
    "edge-run clip.mp4": Run('"stopped"'),
    "edge-run clip.mp4 --quiet > predictions.jsonl": Run(makes=("predictions.jsonl",)),
    "edge-run takes": Run("clip 1 of "),
    "edge-run --list-cameras": Run(),
    "edge-run --list-cameras json": Run("["),
    "edge-run demo --engine onnxruntime": Run("onnxruntime"),
    "edge-run demo --engine auto": Run("measuring", "--max-frames 20"),
    "edge-run --engine auto --prepare": Run("ready: "),
    "edge-run demo --sensitivity high": Run("one operating point alone", "--max-frames 20"),
    "edge-run demo --average": Run('"stopped"', "--max-frames 40"),
    "edge-run --print-config": Run("# default"),
    "edge-run demo --realtime --socket events.sock": Run('"stopped"', "--max-frames 20"),
    "edge-run demo | head -3": Run('"started"'),
    "edge-doctor": Run("findings; errors: ", codes=FOUND),
    "edge-doctor --json > findings.json": Run(codes=FOUND, makes=("findings.json",)),
    "edge-eval --bundle my-int8 --set folder:CLIPS": Run("6 clips"),
    "edge-eval --bundle INT8 --against FLOAT --set folder:CLIPS": Run("same decision on"),
    "edge-eval --stream --bundle INT8 --set folder:CLIPS": Run("6 actions"),
    "edge-eval --set synthetic_test": Run("2 clips", "--limit 2"),
    "edge-eval --set ellar_test --data-root DIR --protocol ellar-table4 --by actor --baselines --html report.html": Run(
        "CLAHE", makes=("report.html",)
    ),
    "quantize --calib folder:CLIPS --model student.onnx --like FLOAT --out INT8": Run(
        "written", QUICK, makes=("INT8/student.onnx",)
    ),
    "quantize --calib ellar_val --data-root DIR --model FLOAT --target x86,arm,jetson --out my-bundles": Run(
        "written", QUICK, makes=("my-bundles/arm/student.onnx", "my-bundles/jetson/student.onnx")
    ),
    "calibration compare-statistics --set folder:CLIPS --set folder:OTHERS --out PAGE.md": Run(makes=("PAGE.md",)),
    'python -c "import firmware_configs; print(firmware_configs.__path__[0])"': Run("firmware_configs"),
    "edge-data list": Run("synthetic_val"),
    "calibration check folder:CLIPS": Run("left"),
    "distill init folder:CLIPS --out my.yaml": Run(makes=("my.yaml",)),
    "edge-eval --set ellar_test --data-root DIR --protocol ellar-table4": Run("8 clips"),
    "edge-run --bundle my-int8 --camera file:clip.mp4": Run('"stopped"'),
    # docs/roles.md
    "edge-service install --dry-run --root IMAGE --board pi5 --camera arducam": Run("edge-run.service"),
    "edge-service install --root IMAGE --board pi5 --camera arducam": Run("installed"),
    "edge-service status --root IMAGE": Run("the bundle of the package"),
    "edge-service update INT8 --root IMAGE": Run("current"),
    "edge-service rollback --root IMAGE": Run(),
    "edge-service uninstall --root IMAGE": Run("removed"),
    "edge-eval --bundle FLOAT --set folder:CLIPS": Run("6 clips"),
    "quantize --calib folder:CLIPS --acceptance folder:OTHERS --model FLOAT --out MINE --html report.html": Run(
        "written", QUICK, makes=("MINE/manifest.json", "report.html")
    ),
    "edge-eval --bundle MINE --against FLOAT --set folder:OTHERS": Run("same decision on"),
    "edge-run --bundle MINE --camera file:clip.mp4": Run('"stopped"'),
    "calibration list": Run("synthetic_val"),
    "calibration check ellar --data-root DIR": Run("Walk"),
    "python -m benchmarks.demo": Run("between two actions"),
}

CAMERA = "needs a camera; tests play one (tests/edge/cameras, tests/vm)"
ROOT = "needs root, and changes the machine; done in a booted container (tests/firmware_configs/test_container.py)"
IMAGE = "needs a robot's system; done on the root of an image (tests/edge/deploy/test_cli.py, docs/roles.md)"
PACKAGES = "installs packages"
CI = "what CI runs, or a part of it"
LONG = "minutes to hours of this machine, or an emulator; run by hand, its figures stand beside it"
TRAINING = "trains for hours; the same on small networks: tests/distill"
DATA = "needs data that is not in the repository"
CONVERTED = "needs the published recordings; tests/calibration/synthetic/recordings/test_utd_mhad.py writes such"
DEVICE = "needs a device or an engine of another machine"
SYSTEMD = "talks to a running systemd; done in tests/firmware_configs/test_container.py and tests/vm"
RENDERED = "renders and judges a whole set; the same with fewer clips is run"
QUANTIZED = "the same as another line that is run; tests/quantize/test_default_bundle.py has the package's bundle"
MACHINES = "processes of torchrun; the same in tests/calibration/jobs/test_shards.py"
OTHER_ROOMS = "reads an old commit, which a shallow clone lacks"

DECIDES = "hears an hour of streams; tests/calibration/deciding/test_choosing.py decides on a few clips"
LISTENS = "listens to a program that runs; tests/edge/outputs/test_events_socket.py"

WHY_NOT: dict[str, tuple[str, ...]] = {
    DECIDES: ("calibration decide --bundle INT8 --out decided --set life_val", "edge-eval --stream --bundle decided"),
    LISTENS: ("edge-tail --socket events.sock", "edge-tail --labels"),
    CAMERA: (
        "edge-run",
        "edge-run --camera arducam",
        "edge-run --camera imx462",
        'edge-run --camera "gst:v4l2src device=/dev/video0 ! image/jpeg,width=1280,height=720 ! jpegdec"',
        'edge-run --camera "gst:nvarguscamerasrc ! video/x-raw(memory:NVMM),width=1920,height=1080 ! nvvidconv '
        '! video/x-raw,format=NV12"',
        "edge-run --camera rtsp://robot:secret@10.0.0.7/stream2",
        "edge-run --camera http://10.0.0.8:8080/video",
        "cp .../cameras/arducam_b0200.yaml own.yaml && edge-run --camera own.yaml",
        "edge-doctor --camera arducam",
        "edge-doctor --camera arducam --bundle my-int8",
        "calibration measure-camera --camera arducam",
        "calibration measure-camera --camera arducam --dark DARK.avi --flat FLAT.avi ...",
    ),
    ROOT: (
        "sudo python3 -m venv /opt/ellar-edge",
        "sudo python3 -m venv --system-site-packages /opt/ellar-edge",
        "sudo /opt/ellar-edge/bin/pip install ellar_edge-*.whl",
        "sudo /opt/ellar-edge/bin/edge-service install --camera arducam",
        "sudo /opt/ellar-edge/bin/edge-service uninstall",
        "/opt/ellar-edge/bin/edge-service status",
        "sudo edge-doctor --config /etc/ellar-edge/edge.yaml",
        "sudo edge-service update BUNDLE",
        "edge-service install",
        "edge-service update my-int8",
        "edge-service install --dry-run",
        "edge-service logs",
        "edge-service logs --json | jq .label",
    ),
    IMAGE: ("edge-service install --root /mnt/image --board pi5 --camera arducam", "edge-service status"),
    PACKAGES: (
        "pip install .",
        "pip install '.[quantize]'",
        "pip install '.[distill,quantize]'",
        "pip install 'openvino>=2025.0'",
        "pip install",
        ".venv/bin/pip install ellar_edge-*.whl",
        "python3 -m venv --system-site-packages .venv",
        "sudo apt install python3-picamera2",
        "sudo apt install python3-venv && sudo python3 -m venv /opt/ellar-edge",
        "make setup",
        "make setup-system",
        "make wheel",
        "make run",
    ),
    CI: (
        *("make test", "make lint", "make rooms", "make prose", "make test-gstreamer", "make test-csi"),
        *("make native-test", "make native-asan", "make native-test-arm", "make native-counts", "make test-service"),
    ),
    LONG: (
        *("make bench", "make bench-native", "make bench-aarch64", "make test-aarch64-labels", "make native-fuzz"),
        *("make vm-test", "make vm-test-arm", "make vm-image", "make vm-image-arm", "make test-arm"),
        "make vm-test VM_TESTS='waits or recovers'",
        "python -m benchmarks.makers.quantize",
        "python -m benchmarks.makers.quantize --whole 512 --calib synthetic_train",
        "python -m benchmarks.cameras",
        "python -m benchmarks.makers.calibration",
        "python -m benchmarks.makers.calibration --rendering",
        "python -m benchmarks.engines",
        "python benchmarks/pipeline.py",
        "python -m benchmarks.flow",
        "python -m benchmarks.peers",
        "python -m benchmarks.aarch64.tick",
        "python -m benchmarks.tracks",
        "python -m benchmarks.tracks --evidence --scenes 1",
        "python -m benchmarks.makers.training",
        "calibration demo --out edge/data/demo.mp4",
    ),
    TRAINING: (
        "make bundle",
        "make bundle DATA=DIR",
        "make results",
        "distill train RECIPE --out DIR [--data-root DATA] [--start START] [--teacher DIR] [--with KEY=VALUE ...]",
        "distill resume DIR",
        "distill resume runs/my",
        "distill eval DIR --set NAME [--protocol ellar-table3|4|5|arid|arid15|dark48]",
        "distill train my.yaml --start bundles/ellar-edge-s-float32 --out runs/my",
        "distill folds my.yaml --start bundles/ellar-edge-s-float32 --out runs/my_folds",
        "edge-folds --folds runs/my_folds --set folder:CLIPS --html folds.html",
        "edge-eval --bundle runs/my/bundle --set folder:OTHER --html report.html",
        "quantize --calib folder:CLIPS --model runs/my/bundle --out my-int8 --html quantize.html",
        "distill export DIR --out BUNDLE",
        "edge-train export DIR --out BUNDLE",
        "torchrun --nproc-per-node N -m distill.cli train RECIPE --out DIR ...",
        "distill folds distill/recipes/students/relit12.yaml --data-root DATA --start runs/relit12 --out "
        'runs/relit12_quantised --with schedule.steps=0 --with schedule.batch=8 --with "quantisation={}"',
        "distill train distill/recipes/teachers/video_swin_b.yaml --data-root DATA --start KINETICS.pth --out "
        "runs/video_swin_b && distill eval runs/video_swin_b --set ellar_test --protocol ellar-table3",
        "distill train distill/recipes/teachers/dgam_swin_b.yaml --data-root DATA --start "
        "runs/video_swin_b/teacher.safetensors --out runs/dgam && distill eval runs/dgam --set ellar_test "
        "--protocol ellar-table3",
        "distill eval runs/dgam --set ellar_test --protocol ellar-table4",
        "distill train distill/recipes/teachers/dgam_swin_b.yaml --with options.heads=shared --data-root DATA --start "
        "runs/video_swin_b/teacher.safetensors --out runs/shared && distill eval runs/shared --set ellar_test",
        "distill eval DIR --set ellar_test --protocol ellar-table5",
        "distill eval DIR --set ellar_ell_test",
        "distill train distill/recipes/teachers/dgam_swin_b.yaml --with stages=[] --data-root DATA --start "
        "DGAM_ELLAR.pth --out runs/released && distill eval runs/released --set ellar_test",
        "distill train distill/recipes/teachers/zero_dce.yaml --data-root DATA --out runs/zero_dce && distill train "
        "distill/recipes/teachers/rbert.yaml --data-root DATA --out runs/rbert && distill eval runs/rbert --set "
        "arid_split1_test",
        "distill train distill/recipes/teachers/actlumos_teacher.yaml --data-root DATA --out runs/actlumos_teacher && "
        "distill eval runs/actlumos_teacher --set arid_split1_test",
        "distill train distill/recipes/teachers/actlumos_pretraining.yaml --data-root DATA --out "
        "runs/actlumos_pretraining",
        "distill train distill/recipes/teachers/actlumos_student.yaml --data-root DATA --teacher runs/actlumos_teacher "
        "--start runs/actlumos_pretraining/teacher.safetensors --out runs/actlumos_student && distill eval "
        "runs/actlumos_student --set arid_split1_test",
        "distill train distill/recipes/teachers/dgam_swin_t.yaml --out runs/teacher --data-root DATA --with "
        '"labels=[jump, run, sit, stand, turn, walk]" --with "sources=[{set: synthetic_train, licence: ours}, '
        "{set: 'folder:{data}/arid_dark', licence: CC BY 4.0}]\"",
        "distill train distill/recipes/students/student_kd.yaml --out runs/student_kd --data-root DATA --teacher "
        "runs/teacher",
    ),
    CONVERTED: (
        "calibration convert utd-mhad --from DIR --out DIR",
        "calibration convert utd-mhad --from UTD-MHAD --out DIR/utd_depth --people s1,s3,s4,s6,s8",
        "calibration convert utd-mhad --from UTD-MHAD --out DIR/utd_depth_all --other",
    ),
    DATA: (
        "edge-eval --set arid_split1_test --data-root DIR --protocol arid",
        "edge-folds --folds runs/folds --set folder:DIR [--member int8 --against bundle] [--average | --gamma G]",
        "edge-folds --folds runs/folds --member int8 --against bundle --set folder:DIR",
        "edge-folds --folds runs/folds --set folder:DIR/arid_dark",
        "edge-eval --set SET --limit N --seed S",
        "python -m benchmarks.results --data-root DIR",
        "python -m benchmarks.results --data-root DATA --folds runs/relit12_quantised --member int8 "
        "--against runs/relit12",
        "python -m benchmarks.other_cameras.moving --set relit_moving:DIR/utd_depth --set folder:DIR/real_rooms",
        "python -m benchmarks.other_cameras --folds runs/folds --member int8 --set folder:DIR",
        "calibration compare-statistics --set synthetic_val --set relit:utd_depth --set folder:arid_dark --limit 120 "
        "--out clip-statistics.md",
        "calibration compare-inputs --rendered synthetic_val --real folder:DIR --limit 150",
        "calibration compare-inputs --rendered synthetic_recorded_val --real folder:DIR --limit 72",
        "calibration key-frames --set folder:DIR",
    ),
    DEVICE: ("edge-run --engine tensorrt --prepare", "edge-run --prepare"),
    SYSTEMD: (
        "journalctl -u edge-run -o cat",
        "journalctl -u edge-run EDGE_EVENT=camera_lost",
        "journalctl -u edge-run -p warning",
        "sudo systemctl edit edge-run",
        "systemctl edit edge-run",
        "sudo systemctl restart edge-run",
        "systemctl reload",
    ),
    RENDERED: (
        "edge-eval --set synthetic_test --against bundles/ellar-edge-s-float32",
        "edge-eval --set synthetic_test --against bundles/ellar-edge-s-float32 --by light,camera",
        "edge-eval --stream",
        "edge-eval --stream --hours 8 --html streams.html",
        "edge-eval --stream --hours 0.5",
        "edge-eval --stream --set synthetic_test",
    ),
    QUANTIZED: (
        "quantize --calib synthetic_val --model bundles/ellar-edge-s-float32 --out my-int8",
        "quantize --calib synthetic_val --model FLOAT --out INT8",
        "quantize --calib ellar_val --data-root DIR --model FLOAT --target x86,arm,jetson,openvino --out DIR",
        "quantize --calib folder:CLIPS --acceptance folder:OTHERS --model FLOAT --out INT8 --mixed auto --max-drop 0.5 "
        "--html report.html",
    ),
    MACHINES: ("torchrun --nproc-per-node 2 -m calibration.evaluation.cli --set synthetic_test",),
    OTHER_ROOMS: ("python -m tests.rooms --at 7305c61",),
}

_QUANTIZE = " --calib SET --model FLOAT --out INT8"
PARTS: dict[str, str] = {
    "edge-run WHAT": "",
    "edge-eval --stream --set SET": "",
    "calibration decide": " --bundle FLOAT --out OUT",
    "edge-run --camera WHAT": "",
    "quantize --calib synthetic_val+relit:DIR": " --model FLOAT --out INT8",
    "quantize --target": " x86" + _QUANTIZE,
    "quantize --target jetson": _QUANTIZE,
    "quantize --target arm": _QUANTIZE,
    "torchrun --standalone --nproc-per-node 2 -m quantize.cli --calib ellar_val ...": " --model FLOAT --out INT8",
    "torchrun --standalone --nproc-per-node 2 -m calibration.evaluation.cli --set ellar_test ...": "",
    "distill init SET --out RECIPE": "",
    "distill folds": " RECIPE --out DIR",
    "distill pretrain": " RECIPE --out DIR",
    "distill eval": " DIR --set NAME",
    "distill train distill/recipes/teachers/zero_dce.yaml": " --out DIR",
    "distill train distill/recipes/teachers/rbert.yaml --with clip.enhance=none --with clip.enhance_weights=null ...": (
        " --out DIR"
    ),
}
