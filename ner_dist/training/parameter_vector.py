"""All trained parameters end to end in one array, and their gradients in another: one exchange and one update for all.

An operator a parameter costs the framework more than the arithmetic of most of them. Axis P: numbers of all parameters.
"""

from __future__ import annotations

import numpy as np
from mxnet import autograd, gluon, nd


class ParameterVector:
    def __init__(self, parameters: dict[str, gluon.Parameter]) -> None:
        """Move the parameters, which are on one device and of one type, into the vector, of which they become views."""
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
            # Gluon has no public way to give a parameter its memory.
            parameter._data, parameter._grad = [weight], [gradient]
            autograd.mark_variables([weight], [gradient], parameter.grad_req)

    @property
    def names(self) -> list[str]:
        return list(self._places)

    def split(self, values_P: nd.NDArray) -> dict[str, np.ndarray]:
        """Values laid out like the parameters, by name and in their shapes."""
        values = values_P.asnumpy()
        return {name: values[place].reshape(self._shapes[name]) for name, place in self._places.items()}

    def join(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """The reverse of split."""
        return np.concatenate([values[name].ravel() for name in self._places])
