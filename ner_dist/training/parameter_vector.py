"""All trained parameters concatenated in one array, their gradients in another: one exchange, one update for all.

With one operator for each parameter, the framework's overhead would outweigh the arithmetic. Axis P: all their values.
"""

from __future__ import annotations

import numpy as np

from ner_dist.ranks.lean_mxnet import autograd, gluon, nd


class ParameterVector:
    def __init__(self, parameters: dict[str, gluon.Parameter]) -> None:
        """Move the parameters, all on one device and of one dtype, into the vector; they become views of it."""
        (context,), dtype = {p.list_ctx()[0] for p in parameters.values()}, next(iter(parameters.values())).dtype
        ends = np.cumsum([np.prod(p.shape, dtype=int) for p in parameters.values()]).tolist()
        self.weight_P = nd.zeros(ends[-1], ctx=context, dtype=dtype)
        self.gradient_P = nd.zeros(ends[-1], ctx=context, dtype=dtype)
        self._places = {name: slice(begin, end) for name, begin, end in zip(parameters, [0, *ends], ends)}
        self._shapes = {name: p.shape for name, p in parameters.items()}
        for name, parameter in parameters.items():
            place = self._places[name]
            weight = self.weight_P[place].reshape(parameter.shape)
            gradient = self.gradient_P[place].reshape(parameter.shape)
            weight[:] = parameter.data()
            # Gluon has no public way to give a parameter memory.
            parameter._data, parameter._grad = [weight], [gradient]
            autograd.mark_variables([weight], [gradient], parameter.grad_req)

    @property
    def names(self) -> list[str]:
        return list(self._places)

    def split(self, values_P: nd.NDArray) -> dict[str, np.ndarray]:
        """A vector laid out like the parameters as arrays by name, in their shapes."""
        values = values_P.asnumpy()
        return {name: values[place].reshape(self._shapes[name]) for name, place in self._places.items()}

    def join(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """The inverse of split."""
        return np.concatenate([values[name].ravel() for name in self._places])
