"""The cameras of one file on the machines of a Ray cluster: a server to whoever asks, replicas inside.

A camera stays on its replica: it is state, not a request, so that Ray Serve's interchangeable replicas would not do.
There is an actor on each machine; one that does not answer for a few seconds is given up, and its cameras go on
elsewhere from their last saved state. A machine that joins gets its share.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from streamdeq.cluster.ray_pool import connected, ray_module
from streamdeq.cluster.replica import Replica
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.serving.scheduler import Load
from streamdeq.serving.server import CameraConfig, CameraReport, Published, ServerConfig, Subscription
from streamdeq.serving.server.published import Hub

log = logging.getLogger("streamdeq.cluster")
#: Seconds that a replica may take to answer; that it is waited for when it begins; between looks at the machines.
PATIENCE_S, BEGIN_S, LOOK_S = 3.0, 120.0, 0.5
TAKE_S = 0.2


class Member:
    """A replica, on a machine."""

    def __init__(self, node: str, actor: Any) -> None:
        self.node, self.actor = node, actor
        self.load: Load | None = None
        self.lost = False


class Fleet:
    """What `Server` is, for the cameras of a cluster.

    Args:
        config: `state.folder` is one that all machines have under that path, as are weights and other files.
        address: of the cluster, or "local".

    Raises:
        StreamdeqError: Ray is not installed; on entering: no cluster is there, or no replica can begin.
    """

    def __init__(self, config: ServerConfig, address: str) -> None:
        self._ray = ray_module()
        self.config = config
        self._connection = connected(self._ray, address)
        self._change = threading.RLock()  # who has which camera changes under it; replicas are asked meanwhile
        self._lock = threading.Lock()  # for moments
        self._hub = Hub()
        self._members: dict[str, Member] = {}
        self._beginning: dict[str, threading.Thread] = {}
        self._problem = "no machine is there"
        self._cameras: dict[str, tuple[CameraConfig, Member | None]] = {}
        self._latest: dict[str, Published] = {}
        self._reports: dict[str, CameraReport] = {}
        self._stopping = False
        self._watcher = threading.Thread(target=self._watch, name="fleet", daemon=True)

    def __enter__(self) -> Self:
        self._connection.__enter__()
        try:
            for beginning in self._join():
                beginning.join()
            if not self._members:
                raise StreamdeqError(f"no replica begins: {self._problem}")
            for name, camera in self.config.cameras.items():
                self.add(name, camera, waiting=True)
        except BaseException:
            self._connection.__exit__(None, None, None)
            raise
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._watcher.join()
        for member in list(self._members.values()):
            self._call(member, "end")
        self._hub.end()
        self._connection.__exit__(kind, error, trace)

    # -- as of a server --------------------------------------------------------------------------------------

    def add(self, name: str, camera: CameraConfig, *, waiting: bool = False) -> None:
        with self._change:
            if name in self._cameras:
                raise StreamdeqError(f"camera '{name}' is there already; change it, or take another name")
            self._have(name, camera, None)
            if (problem := self._place(name, waiting=waiting)) is not None:
                with self._lock:
                    del self._cameras[name]
                raise problem

    def change(self, name: str, **changes: Any) -> None:
        with self._change:
            config, member = self._camera(name)
            changed = replace(config, **changes)
            problem = None if member is None else self._call(member, "change", name, changes)
            if isinstance(problem, StreamdeqError):
                raise problem
            self._have(name, changed, member)

    def remove(self, name: str) -> CameraReport | None:
        with self._change:
            _, member = self._camera(name)
            report = None if member is None else self._call(member, "remove", name, False)
            with self._lock:
                del self._cameras[name]
                self._latest.pop(name, None)
                self._reports.pop(name, None)
        if isinstance(report, StreamdeqError):
            raise report
        return report

    def apply(self, config: ServerConfig) -> None:
        """Become what a file says now; models are those it began with."""
        if config.models != self.config.models:
            raise StreamdeqError("models: on a cluster they change with a restart")
        for name in self.cameras().keys() - config.cameras.keys():
            self.remove(name)
        for name, camera in config.cameras.items():
            if name not in self.cameras():
                self.add(name, camera)
            elif camera != self.cameras()[name]:
                self.change(name, **vars(camera))

    def cameras(self) -> dict[str, CameraConfig]:
        with self._lock:
            return {name: config for name, (config, _) in self._cameras.items()}

    def reports(self) -> dict[str, CameraReport]:
        """The figures of every camera on the replica that has it, since it has it."""
        with self._lock:
            return dict(self._reports)

    def latest(self, name: str) -> Published | None:
        self._camera(name)
        with self._lock:
            return self._latest.get(name)

    def subscribe(self, depth: int = 64) -> Subscription:
        return self._hub.subscribe(depth)

    def load(self) -> Load:
        """That of the machine that has the most to do."""
        with self._lock:
            loads = [member.load for member in self._members.values() if member.load is not None]
        if not loads:
            raise StreamdeqError("no replica has told its load yet; ask again")
        return max(loads, key=lambda load: load.least)

    @property
    def healthy(self) -> bool:
        return bool(self._members) and self._watcher.is_alive()

    def where(self) -> dict[str, str | None]:
        """The node of each camera; None while it has none."""
        with self._lock:
            return {name: None if member is None else member.node for name, (_, member) in self._cameras.items()}

    # -- inside ----------------------------------------------------------------------------------------------

    def _camera(self, name: str) -> tuple[CameraConfig, Member | None]:
        with self._lock:
            if name not in self._cameras:
                raise StreamdeqError(unknown("camera", name, list(self._cameras)))
            return self._cameras[name]

    def _have(self, name: str, config: CameraConfig, member: Member | None) -> None:
        with self._lock:
            self._cameras[name] = config, member

    def _watch(self) -> None:
        while not self._stopping:
            self._join()
            with self._change:
                for member in [one for one in self._members.values() if one.lost]:
                    self._give_up(member)
                for name in [name for name, (_, member) in self._cameras.items() if member is None]:
                    if (problem := self._place(name, waiting=True)) is not None:
                        log.warning("camera %s has no machine: %s", name, problem)
                self._balance()
            time.sleep(LOOK_S)

    def _join(self) -> list[threading.Thread]:
        """Begin a replica on each machine that has none."""
        nodes = {node["NodeID"]: node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]}
        self._beginning = {node: one for node, one in self._beginning.items() if one.is_alive()}
        for node, cores in nodes.items():
            if cores >= 1 and node not in self._members and node not in self._beginning:
                self._beginning[node] = threading.Thread(target=self._begin, args=(node, cores), daemon=True)
                self._beginning[node].start()
        return list(self._beginning.values())

    def _begin(self, node: str, cores: float) -> None:
        """A replica on a machine, with all its cores."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # pyright: ignore[reportMissingImports]

        there = NodeAffinitySchedulingStrategy(node, soft=False)
        kind = self._ray.remote(num_cpus=cores, max_restarts=0, max_concurrency=8, scheduling_strategy=there)(Replica)
        member = Member(node, kind.remote(self.config))
        try:
            _, _, member.load = self._ray.get(member.actor.take.remote(0.0), timeout=BEGIN_S)
        except self._ray.exceptions.RayError as error:
            self._problem = str(error).strip().splitlines()[-1]
            log.warning("no replica begins on node %s: %s", node, self._problem)
            return
        with self._lock:
            self._members[node] = member
        threading.Thread(target=self._take, args=(member,), daemon=True).start()

    def _take(self, member: Member) -> None:
        """What a replica answers, until it does no more."""
        before: set[str] = set()
        while not self._stopping:
            try:
                taken, reports, load = self._ray.get(member.actor.take.remote(TAKE_S), timeout=PATIENCE_S)
            except self._ray.exceptions.RayError:
                member.lost = True
                return
            with self._lock:
                member.load = load
                mine = {name for name, (_, one) in self._cameras.items() if one is member}
                missing = mine - reports.keys()
                for name in missing & before:  # it let go of them: nobody had asked it for too long
                    self._cameras[name] = self._cameras[name][0], None
                before = missing
                self._reports |= {name: report for name, report in reports.items() if name in mine}
                taken = [one for one in taken if one.camera in mine]
                self._latest |= {one.camera: one for one in taken}
            for published in taken:
                self._hub.publish(published)

    def _give_up(self, member: Member) -> None:
        """Its cameras are nobody's; what it still does with them it soon does no more (`replica.LEASE_S`)."""
        log.warning("the replica on node %s does not answer: its cameras go elsewhere", member.node)
        with self._lock:
            self._members.pop(member.node, None)
        for name, (config, one) in list(self._cameras.items()):
            if one is member:
                self._have(name, config, None)
        self._ray.kill(member.actor)

    def _place(self, name: str, *, waiting: bool) -> StreamdeqError | None:
        """Give a camera to the replica with the fewest that takes it."""
        problem: StreamdeqError | None = StreamdeqError("no machine is there")
        for member in self._alive():
            answer = self._call(member, "add", name, self._cameras[name][0], waiting)
            if not isinstance(answer, StreamdeqError):
                with self._lock:
                    self._reports[name] = answer
                self._have(name, self._cameras[name][0], member)
                return None
            problem = answer
        return problem

    def _balance(self) -> None:
        """One camera a look, from the replica with the most to that with the fewest."""
        members = self._alive()
        if len(members) < 2 or self._count(members[-1]) - self._count(members[0]) < 2:
            return
        name = next(name for name, (_, member) in self._cameras.items() if member is members[-1])
        if not isinstance(self._call(members[-1], "remove", name, True), StreamdeqError):
            self._have(name, self._cameras[name][0], None)
            self._place(name, waiting=True)

    def _alive(self) -> list[Member]:
        """Those that answer, the one with the fewest cameras first."""
        with self._lock:
            members = [one for one in self._members.values() if not one.lost]
        return sorted(members, key=self._count)

    def _count(self, member: Member) -> int:
        return sum(one is member for _, one in self._cameras.values())

    def _call(self, member: Member, what: str, *given: Any) -> Any:
        """What a replica answers, or a StreamdeqError if it does not."""
        method: Callable[..., Any] = getattr(member.actor, what).remote
        try:
            return self._ray.get(method(*given), timeout=BEGIN_S if what == "add" else 10 * PATIENCE_S)
        except self._ray.exceptions.RayError:
            member.lost = True
            return StreamdeqError(f"the replica on node {member.node} does not answer")
