"""Networks of torchvision's to compare with, one file per task; each registers itself in `PEERS`."""

from streamdeq.evaluation.peers import detection as detection
from streamdeq.evaluation.peers import pose as pose
from streamdeq.evaluation.peers import segmentation as segmentation
from streamdeq.evaluation.peers.base import PEERS, Peer, peer_class, usual
from streamdeq.evaluation.peers.load import load_peer

__all__ = ["PEERS", "Peer", "load_peer", "peer_class", "usual"]
