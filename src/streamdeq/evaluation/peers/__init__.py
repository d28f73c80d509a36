"""What a user would pick instead, one file per task; each puts itself into `PEERS`."""

from streamdeq.evaluation.peers import detection as detection
from streamdeq.evaluation.peers import pose as pose
from streamdeq.evaluation.peers import segmentation as segmentation
from streamdeq.evaluation.peers.base import PEERS, Kind, Peer, Training, kind_of, usual
from streamdeq.evaluation.peers.load import load_peer

__all__ = ["PEERS", "Kind", "Peer", "Training", "kind_of", "load_peer", "usual"]
