"""The models that are served, by their routes; new versions are loaded beside the old ones and take their place."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

from ner_dist.errors import UserError
from ner_dist.prediction.identity import ModelIdentity, utc
from ner_dist.serving.batching import STOPPING
from ner_dist.serving.metrics import Metrics
from ner_dist.serving.request import Refused
from ner_dist.serving.served_model import Loads, ServedModel
from ner_dist.serving.settings import BatchSettings, Limits

LOADING = "the model is being loaded; try again in a few seconds"
NOT_RELOADED = "none"

log = logging.getLogger("ner_dist.serving")

Result = TypeVar("Result")


class ModelSource(NamedTuple):
    """Where the versions of a model come from. Both functions may ask a store, and raise UserError."""

    # What requests call it.
    route: str
    # What loads the version that is there now.
    loads: Callable[[], Loads]
    # Changes when another version is there.
    stamp: Callable[[], Hashable] = lambda: None


class _Route:
    """A route, and the version that answers there."""

    def __init__(self, source: ModelSource) -> None:
        self.source = source
        self.current: ServedModel | None = None
        # How the last attempt to load a new version ended.
        self.reload = NOT_RELOADED
        self.stamp: Hashable = None


class Models:
    """For the event loop's thread alone. The first source is that of requests that name no model."""

    def __init__(
        self, sources: Sequence[ModelSource], batches: BatchSettings, limits: Limits, metrics: Metrics
    ) -> None:
        self._settings = batches, limits, metrics
        self._metrics = metrics
        self.routes = {source.route: _Route(source) for source in sources}
        self.default = sources[0].route
        self.is_draining = False
        self._is_loaded = False
        # Whether to look for new versions, perhaps once more; and who is doing so.
        self._is_wanted = False
        self._reloading: asyncio.Task[None] | None = None
        # Old versions with requests that have begun.
        self._retiring: dict[asyncio.Task[None], ServedModel] = {}
        metrics.queue.set_function(lambda: sum(model.worker.num_waiting for model in self.serving()))
        metrics.large_requests.set_function(lambda: sum(m.large.num_asked for m in self.serving() if m.large))
        metrics.large_ready.set_function(lambda: not any(m.large and m.large.complaint() for m in self.serving()))
        metrics.large_cpu.set_function(lambda: sum(m.large.cpu_s for m in self.serving() if m.large))
        metrics.ready.set_function(lambda: self.unready() is None)

    def serving(self) -> list[ServedModel]:
        return [route.current for route in self.routes.values() if route.current is not None]

    def find(self, name: str | None = None) -> ServedModel:
        """Raises Refused if there is none of this name, or if it is being loaded."""
        route = self.routes.get(name or self.default)
        if route is None:
            raise Refused(404, f"there is no such model; this server has {', '.join(self.routes)}")
        if route.current is None:
            raise Refused(503, STOPPING if self.is_draining else LOADING)
        return route.current

    def unready(self) -> str | None:
        """Why requests should go elsewhere, if so."""
        if self.is_draining:
            return "draining: the server is stopping"
        if any(route.current is None for route in self.routes.values()):
            return f"loading: {LOADING}"
        return next(filter(None, (model.complaint() for model in self.serving())), None)

    async def load(self) -> None:
        """The first versions, one after another. Raises what loading raises."""
        # One version at a time: each takes memory and a core. Made here, because it belongs to an event loop.
        self._lock = asyncio.Lock()
        for route in self.routes.values():
            await self._roll_in(route)
        self._is_loaded = True
        if self._is_wanted:
            self.reload()

    def reload(self) -> None:
        """Soon load the versions that are there now, and let them answer; those that cannot be loaded change nothing.

        While others are being loaded, it waits until that is done.
        """
        self._is_wanted = True
        if self._is_loaded and (self._reloading is None or self._reloading.done()):
            self._reloading = asyncio.ensure_future(self._reload_all())

    async def give_up(self) -> None:
        """Refuse what waits and whatever may come, and load nothing more."""
        if self._reloading is not None:
            self._reloading.cancel()
            await asyncio.wait({self._reloading})
        self.refuse()

    async def watch(self, seconds: float) -> None:
        """Look for another version every so many seconds, until cancelled."""
        seen = {name: route.stamp for name, route in self.routes.items()}
        while True:
            await asyncio.sleep(seconds)
            for name, route in self.routes.items():
                try:
                    stamp = await _in_thread(route.source.stamp)
                except UserError as error:
                    # A store that does not answer now.
                    log.warning("%s: %s", name, error)
                    continue
                # Once it has stayed the same for a while: it may be being copied.
                if stamp != route.stamp and stamp == seen[name]:
                    await self._reload(route)
                    route.stamp = stamp
                seen[name] = stamp

    def refuse(self) -> None:
        """Refuse what waits, and whatever may come."""
        for model in self._at_work():
            model.refuse()

    def end_processes(self) -> None:
        for model in self._at_work():
            model.end_process()

    def join(self, timeout_s: float) -> bool:
        """Wait for all workers' threads to end; returns whether they have."""
        return all(model.worker.join(timeout_s) for model in self._at_work())

    def _at_work(self) -> list[ServedModel]:
        return [*self.serving(), *self._retiring.values()]

    async def _reload_all(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            for route in self.routes.values():
                await self._reload(route)

    async def _reload(self, route: _Route) -> None:
        name, before = route.source.route, route.current
        try:
            async with self._lock:
                await self._roll_in(route)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not isinstance(error, UserError):
                log.exception("a new version could not be loaded")
            still = "nothing" if before is None else str(before.identity)
            route.reload = f"failed at {utc(time.time())}: {error}; {still} still answers"
            log.error("error: %s: no new version: %s; %s still answers", name, error, still)
            self._metrics.reloaded(name, "failed")
            return
        assert route.current is not None
        route.reload = f"done at {utc(time.time())}"
        log.warning("%s: %s answers now, sha256 %s", name, route.current.identity, route.current.identity.sha256)
        self._metrics.reloaded(name, "done")

    async def _roll_in(self, route: _Route) -> None:
        # Before it is read: what changes meanwhile is seen as another version.
        route.stamp = await _in_thread(route.source.stamp)
        model = ServedModel(await _in_thread(route.source.loads), *self._settings)
        await model.start()
        old, route.current = route.current, model
        self._metrics.serves(route.source.route, model.identity, _identity(old))
        if old is not None:
            retiring = asyncio.ensure_future(old.retire())
            self._retiring[retiring] = old
            retiring.add_done_callback(self._retiring.pop)


async def _in_thread(action: Callable[[], Result]) -> Result:
    """What takes its time, while requests are answered."""
    return await asyncio.get_running_loop().run_in_executor(None, action)


def _identity(model: ServedModel | None) -> ModelIdentity | None:
    return None if model is None else model.identity
